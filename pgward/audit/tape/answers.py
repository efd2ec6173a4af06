"""Bytes of answers on tape, encrypted: rows that somebody read are on no edge's disk in clear.

The key is made as an edge starts, and is in the memory of its processes only. So who finds the
files of an edge, in a backup or on a disk that was thrown away, cannot read them; nor can the edge
itself once all its processes have been killed at once. AES-256-GCM (NIST SP 800-38D); each tape has
a key of its own, and its answers are numbered.
"""

import hmac
import secrets
from itertools import count
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
MARK: Final = b"\0PGWSEAL"
"""Before what is encrypted: no backend's message begins so."""

_RUN_BYTES = 4
_NUMBER = 8
_NONCE = 12
_HEAD = len(MARK) + _NUMBER

Data = bytes | bytearray | memoryview


def new_key() -> bytes:
    """Return the key of an edge's run."""
    return secrets.token_bytes(KEY_BYTES)


def run_of(key: bytes) -> str:
    """Return what the names of all tapes of that run begin with: 8 hex letters."""
    return hmac.digest(key, b"pgward run", "sha256")[:_RUN_BYTES].hex()


class Sealer:
    """Encrypts the answers of one tape, whose only writer it belongs to."""

    def __init__(self, key: bytes, boot: str) -> None:
        self._encrypt = _cipher(key, boot).encrypt
        self._numbers = count()

    def __call__(self, data: Data) -> bytes:
        """Return what goes on tape."""
        number = next(self._numbers).to_bytes(_NUMBER)
        return MARK + number + self._encrypt(number.rjust(_NONCE, b"\0"), data, None)


class Opener:
    """Decrypts the answers of every tape of an edge's run."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._ciphers: dict[str, AESGCM] = {}

    def __call__(self, session: str, data: bytes) -> bytes | None:
        """Return an answer of a session (``BOOT-NUMBER``); None if its key is gone.

        What is not encrypted was put on tape by an earlier version.
        """
        if not data.startswith(MARK):
            return data
        boot = session.partition("-")[0]
        cipher = self._ciphers.get(boot)
        if cipher is None:
            cipher = self._ciphers[boot] = _cipher(self._key, boot)
        nonce = data[len(MARK) : _HEAD].rjust(_NONCE, b"\0")
        try:
            return cipher.decrypt(nonce, data[_HEAD:], None)
        except InvalidTag:
            return None


def as_it_is(data: Data) -> Data:
    """Stand in for a Sealer where nothing is recorded."""
    return data


def _cipher(key: bytes, boot: str) -> AESGCM:
    return AESGCM(hmac.digest(key, b"pgward tape " + boot.encode("ascii"), "sha256"))
