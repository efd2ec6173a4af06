"""Resources: what an administrator declares in YAML, and the store keeps.

A *kind* is one schema, read strictly: unknown fields are refused with the nearest right name.
``certificate_profile`` is a kind too, and the *rule book* finds which of them hold for whom.
"""
