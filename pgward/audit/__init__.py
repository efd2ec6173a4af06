"""What happened, who did it and how it ended: the events that an auditor reads.

An **event** is one act or refusal. Its *actor* is a person's name, ``edge:NAME``,
``host:NAME``, ``system:ca``, or ``unknown``, which is nobody's name; its *target* is
what was acted upon; its *client* is the address that asked. An event never holds a secret.
"""
