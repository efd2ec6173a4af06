"""Recordings: what was said in one database session, and what PostgreSQL answered, with times.

===========  ==========================================================================
recording    of one session: its records, and for ``recording: results`` its answers
event        a line of JSON: a record as in the audit, or ``RESULT``: bytes of an answer
piece        some events that follow each other, behind a line that names the piece before
parcel       pieces of several sessions on their way from an edge to the CA
``RECORDING``  the record by which the edge's audit chain vouches for a piece
===========  ==========================================================================
"""
