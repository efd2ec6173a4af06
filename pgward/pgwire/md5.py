"""A password hashed with MD5, as PostgreSQL stores it and asks for it (manual, chapter 20.5)."""

import hashlib


def response(user: bytes, password: bytes, salt: bytes) -> bytes:
    """Return what answers AuthenticationMD5Password; ``salt`` are its four bytes."""
    return b"md5" + _hex(_hex(password + user) + salt)


def _hex(data: bytes) -> bytes:
    # No protection any more, but what such a server asks for.
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode("ascii")
