"""``pgward doctor``: which link between a person and PostgreSQL breaks, and what to do.

A *check* looks at one link and gives *findings*: ok, a warning, a failure, or nothing because a
link before it is broken. The *patient* is what they look at, and what they found out on the way.
``order`` is the list of checks, ``runner`` runs them under time limits, and ``messages`` says
what the terse messages of PostgreSQL, libpq and OpenSSL mean.
"""
