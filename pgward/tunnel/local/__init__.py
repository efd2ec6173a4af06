"""The person's end: a listener on this machine, and links to the edge that wait ready.

``peer`` tells whose process connects; ``pool`` keeps authenticated links; ``tunnel`` joins
them; ``registry`` is what other commands know of the tunnels that run.
"""
