"""One real login at a server, from the first byte: no library stands between it and what is said.

Vocabulary:

target    where a server listens, and the address to come from
link      a plain connection to it with one deadline
shown     what a client shows in TLS: a certificate, the CAs behind it, its key
seen      what became of an attempt

``outcome`` is pure; ``link`` and ``messages`` carry bytes, ``attempt`` and ``asked`` are what is
done over them. The protocol itself is in ``pgward.pgwire``.
"""
