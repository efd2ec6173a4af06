"""The data plane: bytes between a PostgreSQL client and its server, inside mutual TLS.

Words of this part, besides those of the whole project:

========  ==========================================================================
link      one mTLS connection between a tunnel and an edge; it carries one database
          session after another
preface   the line with which a tunnel names its service, and the edge's answer
session   one PostgreSQL connection through a link
control   a TLS record of a secret, agreed prefix that says "end of direction" or "cut"
pool      the tunnel's links that are authenticated already and wait for a session
refusal   an edge's no, with its code, message and hint
========  ==========================================================================

``preface`` and ``edge.state`` are pure. ``relay`` is the hot path. ``edge`` serves,
``local`` dials. Everything else is joined by the commands.
"""
