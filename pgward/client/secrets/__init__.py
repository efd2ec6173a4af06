"""What a machine logs in to PostgreSQL with, fetched when it is needed.

==========  =====================================================================
reference   where a secret comes from: a place, and the name there
provider    gets secrets from one kind of place: the CA, a file, the environment, Vault
cupboard    remembers them, in memory only: fresh for minutes, and stale while the place is away
==========  =====================================================================

Nothing of this is ever written to disk or logged.
"""
