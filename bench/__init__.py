"""Side-by-side benchmarks of pgward's tunnel and edge against peers, as ratios.

Vocabulary:

peer
    one way from a client to PostgreSQL: nothing in between (``direct``), or a pair of
    processes with mutual TLS between them (``haproxy``, ``stunnel``, ``pgward``).
hop
    one end of such a pair: ``client`` (plain TCP in, TLS out) or ``edge`` (TLS in, plain TCP out).
metric
    one number with a unit that a measure takes from every peer, in every round.
round
    every peer once, close in time and in a changing order; only values of the same round
    are compared, so what the machine does meanwhile cancels out.
"""
