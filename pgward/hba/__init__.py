"""PostgreSQL's own configuration, so that the server itself checks login certificates.

Vocabulary:

plan        what is wanted: who may log in where, and how they prove who they are
fragment    the lines of one configuration file that a plan becomes for one PostgreSQL version
block       a fragment between ``# BEGIN pgward`` and ``# END pgward`` in a file of the server
material    server certificate and key, the user CA's roots, and the revocation lists
generation  one set of material on disk; ``tls/current`` is a symlink to the one in use
change      a new generation and new blocks, replaced step by step behind a journal
journal     what a change replaced, so that a run that was cut off is undone by the next

Its parts, each standing on those before it: ``syntax`` reads the three files, ``decide`` says
who gets in, ``check`` what is wrong, ``plan`` writes what is wanted: all pure. ``login`` speaks to
a real server as a client, ``server`` looks at its host as well; ``install`` changes it, or puts it
back. (PostgreSQL manual, chapters 19.9, 20.1, 20.2 and 20.12.)
"""
