"""Passwords that a company's LDAP directory checks: a small client of LDAPv3 (RFC 4511).

A *server* is one of several that hold the same *directory*. The *service account* finds a
person's *entry* with a *filter*, and a *bind* with the entry's name (DN) and the password proves
who it is. ``ber``, ``messages``, ``filters``, ``dn`` and ``entries`` are pure; ``connection`` moves
the bytes, always inside TLS; ``directory`` is the conversation, at whichever server answers.
"""
