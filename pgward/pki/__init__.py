"""X.509, CRLs and signed statements as pure functions over bytes, keys and a given time.

Vocabulary: a *fingerprint* names the server root that a person trusts; a *chain* runs from
leaf to root; a *revocation list* is what the CRLs of one hierarchy say together; a *proof*
shows possession of a key for one HTTP request (RFC 9449); a *snapshot* is an edge's signed
configuration. Nothing here opens a file or a socket, or reads the clock.
"""
