"""``keys/acme.key``: the secret from which EAB keys and the MAC of nonces follow.

So the store holds no HMAC key, and a copy of it binds no account.
"""

import hashlib
import hmac
from datetime import datetime
from pathlib import Path

from pgward.ca.keys import shared_secret
from pgward.ca.store import Store

FILE = "keys/acme.key"
_NAME = "master"


class Master:
    """Derives keys from the secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @property
    def nonce_key(self) -> bytes:
        """The key of the nonces' MAC."""
        return self._derive(b"nonce")

    def eab_secret(self, kid: str) -> bytes:
        """Return the HMAC key, 32 bytes, of the EAB key with this id."""
        return self._derive(b"eab " + kid.encode())

    def _derive(self, what: bytes) -> bytes:
        return hmac.new(self._secret, b"pgward acme " + what, hashlib.sha256).digest()


def open_master(directory: Path, store: Store, now: datetime) -> Master:
    """Return the master of a CA directory; raises as ``shared_secret.open_secret``."""
    secret = shared_secret.open_secret(directory, store, name=_NAME, file=FILE, now=now)
    return Master(secret.data)
