"""PostgreSQL's wire protocol, versions 3.0 and 3.2: bytes in, bytes out, and nothing else.

Stands alone: no sockets, no clock, no randomness of its own (PostgreSQL manual, chapter 54).

frontend   the end that asks: psql, a driver, the edge as it logs in to PostgreSQL
backend    the end that answers: PostgreSQL, the edge as its clients see it
message    one type byte, a length, a body; the first packets of a frontend have no type byte
exchange   one message of a frontend that is answered, and its answers
binding    what ties a password to the TLS connection that it is given over
verifier   what a backend keeps of a password; nobody can log in with that

``startup`` has the first packets, ``framing`` messages in a stream, ``frontend`` and ``backend``
what each end says. ``login_out`` logs in to a backend, ``login_in`` lets a client in.
"""
