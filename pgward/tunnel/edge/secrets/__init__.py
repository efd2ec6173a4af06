"""What an edge proves itself with to PostgreSQL, fetched when a session needs it.

==========  =====================================================================
reference   where a secret comes from: `pgward.tunnel.edge.state_postgres.SecretRef`
provider    gets secrets from one kind of place: the CA, a file, the environment, Vault
cupboard    remembers them, in memory only: fresh for minutes, and stale while the place is away
mint        gets certificates in people's names from the CA, each good for some sessions
==========  =====================================================================

Nothing of this is ever written to disk or logged. ``credentials`` joins it all.
"""
