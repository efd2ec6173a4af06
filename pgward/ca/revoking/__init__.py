"""Taking certificates back, and telling everyone in time.

A *revocation* is stored together with new lists (CRLs), which are served from memory and written
as files. The OCSP responder answers for single certificates with a *delegated* key. The *alarm*
is loud well before a list ends, as PostgreSQL lets nobody in by an expired one.
"""
