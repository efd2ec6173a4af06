"""The person's end: a listener on this machine, and links to the edge that wait ready.

``peer`` tells whose process connects; ``connector`` opens links, ``pool`` keeps them ready;
``connection`` is one client, and ``opening`` what it may say twice; ``renewal`` keeps the
certificate fresh for all tunnels of a login session; ``holding`` keeps clients while a person
gives a second factor; ``tunnel`` joins them; ``registry`` is what other commands know of the
tunnels that run.
"""
