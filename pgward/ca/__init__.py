"""The certificate authority.

Vocabulary: two *hierarchies*, user and server, each a *root* (can be kept offline) and an
*issuing* CA; a *profile* says as data what a certificate may be; the *issuer* stores a
*record* of a certificate before it signs it; a *signer* is a private key behind a Protocol;
the *authority* bundles all this for the HTTP service and the commands.

Each package's docstring is the page of its vocabulary:

- ``keys``, ``ceremony``: where keys are, and how a CA comes to be
- ``identity``, ``resources``: who is who, and what administrators declare
- ``issuing``, ``revoking``, ``rotation``, ``log``: the life of certificates and of CAs
- ``store``, ``backup``: what is kept, and copies of it
- ``service``, ``http``, ``limiting``, ``acme``: what answers on the network
- ``observability``: what operators see
"""
