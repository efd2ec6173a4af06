"""The certificate authority.

Vocabulary: two *hierarchies*, user and server, each a *root* (can be kept offline) and an
*issuing* CA; a *profile* says as data what a certificate may be; the *issuer* stores a
*record* of a certificate before it signs it; a *signer* is a private key behind a Protocol;
the *authority* bundles all this for the HTTP service and the commands.
"""
