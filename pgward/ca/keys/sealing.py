"""Sealing: what the CA encrypts for itself, in its store or in the hands of a client.

AES-256-GCM with a key for each purpose, which follows by HKDF (RFC 5869) from ``keys/seal.key``,
so that what was sealed for one purpose opens for no other. All replicas share the file.
"""

import secrets
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pgward.ca.keys import shared_secret
from pgward.ca.store import Store
from pgward.core.errors import PgwardError

FILE = "keys/seal.key"
_NAME = "seal"
_FORMAT = b"\x01"
_NONCE = 12


class SealError(PgwardError):
    """What was to be opened was sealed by nobody here, for another purpose, or was changed."""


class Sealer:
    """Seals and opens; safe to use from any thread."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._keys: dict[str, AESGCM] = {}

    def seal(self, purpose: str, data: bytes) -> bytes:
        """Return ``data`` encrypted, 29 bytes longer."""
        nonce = secrets.token_bytes(_NONCE)
        return _FORMAT + nonce + self._key(purpose).encrypt(nonce, data, _FORMAT)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Return what was sealed for this purpose; raise SealError."""
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        if sealed[:1] != _FORMAT or len(nonce) != _NONCE:
            raise SealError("it was not sealed by this authority")
        try:
            return self._key(purpose).decrypt(nonce, body, _FORMAT)
        except InvalidTag:
            raise SealError("it was not sealed by this authority, or not for this") from None

    def _key(self, purpose: str) -> AESGCM:
        if purpose not in self._keys:
            info = b"pgward seal " + purpose.encode()
            self._keys[purpose] = AESGCM(HKDF(hashes.SHA256(), 32, None, info).derive(self._secret))
        return self._keys[purpose]


def open_sealer(directory: Path, store: Store, now: datetime) -> Sealer:
    """Return the sealer of a CA directory; raises as ``shared_secret.open_secret``."""
    secret = shared_secret.open_secret(directory, store, name=_NAME, file=FILE, now=now)
    return Sealer(secret.data)
