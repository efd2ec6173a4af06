"""How a secret is encrypted: by a data key of its own, which a store key wraps. Pure.

AES-256-GCM (NIST SP 800-38D) both times, with a random nonce of 96 bits. What each is, and of
which version, is authenticated with it: nothing opens in the place of something else.
"""

import secrets
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pgward.ca.keys.sealing import SealError

KEY_BYTES = 32
_NONCE = 12


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A key that wraps data keys; a higher number is a later key."""

    number: int
    data: bytes = field(repr=False)

    @classmethod
    def new(cls, number: int) -> Self:
        """Make one."""
        return cls(number, secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class Sealed:
    """One version of a secret as the store has it."""

    name: str
    version: int
    key_number: int
    wrapped: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


def seal(key: StoreKey, name: str, version: int, value: bytes) -> Sealed:
    """Encrypt a value with a new data key."""
    data_key = secrets.token_bytes(KEY_BYTES)
    return Sealed(
        name=name,
        version=version,
        key_number=key.number,
        wrapped=_encrypt(key.data, data_key, _wrapping(name, version, key.number)),
        sealed=_encrypt(data_key, value, _sealing(name, version)),
    )


def unseal(key: StoreKey, sealed: Sealed) -> bytes:
    """Return the value; raise SealError when it was changed, or is another's."""
    return _decrypt(_data_key(key, sealed), sealed.sealed, _sealing(sealed.name, sealed.version))


def rewrap(old: StoreKey, new: StoreKey, sealed: Sealed) -> Sealed:
    """Wrap the data key with another store key; the value itself stays closed."""
    data_key = _data_key(old, sealed)
    named = _wrapping(sealed.name, sealed.version, new.number)
    wrapped = _encrypt(new.data, data_key, named)
    return Sealed(sealed.name, sealed.version, new.number, wrapped, sealed.sealed)


def _data_key(key: StoreKey, sealed: Sealed) -> bytes:
    named = _wrapping(sealed.name, sealed.version, sealed.key_number)
    return _decrypt(key.data, sealed.wrapped, named)


def _wrapping(name: str, version: int, number: int) -> bytes:
    return f"pgward data key of {name} version {version} by {number}".encode()


def _sealing(name: str, version: int) -> bytes:
    return f"pgward secret {name} version {version}".encode()


def _encrypt(key: bytes, data: bytes, named: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, named)


def _decrypt(key: bytes, data: bytes, named: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], named)
    except (InvalidTag, ValueError):
        raise SealError(
            "the secret was changed in the store, or is not the one asked for"
        ) from None
