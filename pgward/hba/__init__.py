"""PostgreSQL's own configuration, so that the server itself checks login certificates.

Vocabulary:

plan        what is wanted: who may log in where, and how they prove who they are
fragment    the lines of one configuration file that a plan becomes for one PostgreSQL version
block       a fragment between ``# BEGIN pgward`` and ``# END pgward`` in a file of the server
material    server certificate and key, the user CA's roots, and the revocation lists
generation  one set of material on disk; ``tls/current`` is a symlink to the one in use
change      a new generation and new blocks, replaced step by step behind a journal
journal     what a change replaced, so that a run that was cut off is undone by the next

``syntax``, ``decide``, ``model``, ``generate``, ``lint`` and ``block`` are pure; the rest is
the rim. (PostgreSQL manual, chapters 19.9, 20.1, 20.2 and 20.12.)
"""
