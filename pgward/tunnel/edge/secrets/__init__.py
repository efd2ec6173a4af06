"""What an edge proves itself with to PostgreSQL, fetched when a session needs it.

==========  =====================================================================
keyring     what a session needs, out of secrets (`pgward.client.secrets`) and certificates
mint        gets certificates in people's names from the CA, each good for some sessions
passwords   of access roles, from the CA too: good until the next grant
==========  =====================================================================

Nothing of this is ever written to disk or logged. ``credentials`` joins it all.
"""
