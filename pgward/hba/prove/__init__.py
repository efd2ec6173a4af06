"""Show by real logins whom a running server lets in, and whom not.

Vocabulary:

path      one way to try: an address, how it is encrypted, what is shown, as whom, to what
proof     a certificate for paths: valid, expired, not yet valid, revoked, another CA's, a server's
wanted    what becomes of a path if pgward's block alone decided; nothing where it says nothing
files     what becomes of it by all of the files as they are
seen      what became of it
row       a path with all three, and whether they agree

``trusting``, ``installed``, ``paths``, ``expecting``, ``judging`` and ``words`` are pure;
``admin``, ``roles`` and ``listening`` meet the server, and each attempt is made by ``login``;
``run`` joins them.
"""
