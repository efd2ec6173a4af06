"""age files for a key: who has the recipient's text encrypts, who has the identity's decrypts.

Any age program opens what this writes (``age -d -i IDENTITY``). One X25519 recipient each; format:
https://c2sp.org/age, section X25519 recipient stanza.
"""

import io
import re
from collections.abc import Callable
from secrets import token_bytes
from typing import Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from pgward.core.errors import InvalidInputError
from pgward.pki import age, bech32
from pgward.pki.age import AgeError

_RECIPIENT = "age"
_IDENTITY = "age-secret-key-"
_KEY = 32
_INFO = b"age-encryption.org/v1/X25519"
_HEADER = re.compile(
    rb"(?P<signed>age-encryption\.org/v1\n"
    rb"-> X25519 (?P<share>[A-Za-z0-9+/]{43})\n"
    rb"(?P<body>[A-Za-z0-9+/]{43})\n"
    rb"---) (?P<mac>[A-Za-z0-9+/]{43})\n"
)


class Recipient:
    """For whom is encrypted: ``age1…``."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``age1…``; raise InvalidInputError."""
        try:
            return cls(_sized(bech32.decode(_RECIPIENT, text)))
        except ValueError as error:
            raise InvalidInputError(f"that is no recipient of age: {error}") from error

    def __str__(self) -> str:
        return bech32.encode(_RECIPIENT, self._key)

    def encrypt(self, data: bytes, *, random: Callable[[int], bytes] = token_bytes) -> bytes:
        """Return an age file that only the recipient's identity opens."""
        own, key, nonce = X25519PrivateKey.from_private_bytes(random(32)), random(16), random(16)
        share = own.public_key().public_bytes_raw()
        shared = own.exchange(X25519PublicKey.from_public_bytes(self._key))
        wrapping = ChaCha20Poly1305(age.derive(shared, share + self._key, _INFO))
        body = wrapping.encrypt(bytes(12), key, None)
        stanza = b"-> X25519 %s\n%s\n---" % (age.base64(share), age.base64(body))
        signed = age.VERSION + stanza
        header = b"%s %s\n" % (signed, age.base64(age.mac(key, signed).finalize()))
        return b"".join([header, nonce, *age.sealed(key, nonce, data)])


class Identity:
    """Who decrypts: ``AGE-SECRET-KEY-1…``."""

    def __init__(self, key: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(key)
        self.recipient = Recipient(self._key.public_key().public_bytes_raw())

    @classmethod
    def new(cls) -> Self:
        """Make one."""
        return cls(token_bytes(_KEY))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``AGE-SECRET-KEY-1…``; raise InvalidInputError, which does not repeat it."""
        try:
            return cls(_sized(bech32.decode(_IDENTITY, text)))
        except ValueError as error:
            raise InvalidInputError(f"that is no identity of age: {error}") from error

    def text(self) -> str:
        """Return ``AGE-SECRET-KEY-1…``: a secret."""
        return bech32.encode(_IDENTITY, self._key.private_bytes_raw()).upper()

    def decrypt(self, data: bytes) -> bytes:
        """Return what an age file holds; raise AgeError: it is for others, or damaged."""
        found = _HEADER.match(data)
        if found is None:
            raise AgeError("it is not encrypted for one key, or its header is damaged")
        key = self._open(found)
        return b"".join(age.opened(key, io.BytesIO(data[found.end() :])))

    def _open(self, found: re.Match[bytes]) -> bytes:
        share, body, mac = (age.unbase64(found[name]) for name in ("share", "body", "mac"))
        public = self._key.public_key().public_bytes_raw()
        try:
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
            wrapping = ChaCha20Poly1305(age.derive(shared, share + public, _INFO))
            key = wrapping.decrypt(bytes(12), body, None)
        except (ValueError, InvalidTag) as error:
            raise AgeError("it is encrypted for another key") from error
        try:
            age.mac(key, found["signed"]).verify(mac)
        except InvalidSignature as error:
            raise AgeError("its header is damaged") from error
        return key


def _sized(key: bytes) -> bytes:
    if len(key) != _KEY:
        raise ValueError(f"a key has {_KEY} bytes")
    return key
