"""A provider's public keys (RFC 7517), of which each is used for one kind of signature only."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from joserfc import jwk
from joserfc.errors import JoseError

from pgward.ca.login.oidc.errors import UntrustedError

MAX_KEYS = 64
_MAX_KID = 512
_LEAST_RSA_BITS = 2048
_MOST_RSA_BITS = 8192
_RSA = ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512")
_CURVES = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
}
ALGORITHMS = frozenset([*_RSA, *(each for found in _CURVES.values() for each in found)])
"""What may sign: asymmetric only, so that neither `none` nor a public key as HMAC key passes."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key, its name, and the algorithms that it may have signed with."""

    kid: str | None
    algorithms: frozenset[str]
    key: jwk.Key


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that can verify signatures; others were left out when it was read."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read ``{"keys": […]}``; raise UntrustedError. Keys of unknown kinds are left out."""
        found = document.get("keys")
        if not isinstance(found, list):
            raise UntrustedError("its key set has no keys")
        if len(found) > MAX_KEYS:
            raise UntrustedError(f"its key set has more than {MAX_KEYS} keys")
        read = [_read(each) for each in found]
        return cls(tuple(each for each in read if each is not None))

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the key of this name; without a name, the only one there is for the algorithm."""
        fitting = [each for each in self.keys if algorithm in each.algorithms]
        if kid is not None:
            fitting = [each for each in fitting if each.kid == kid]
        return fitting[0] if len(fitting) == 1 else None


def _read(member: Any) -> PublicKey | None:
    """Read a key; None when it is not one of those that verify signatures."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    operations = member.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    allowed = _algorithms(member)
    kid = member.get("kid")
    if not allowed or not (kid is None or (isinstance(kid, str) and len(kid) <= _MAX_KID)):
        return None
    if "d" in member:
        raise UntrustedError("its key set publishes a private key")
    if member.get("kty") == "RSA" and not _LEAST_RSA_BITS <= _bits(member) <= _MOST_RSA_BITS:
        return None
    public = {name: value for name, value in member.items() if name in _PUBLIC}
    try:
        key = jwk.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return PublicKey(kid, allowed, key)


def _bits(member: Mapping[str, Any]) -> int:
    """Return the size of an RSA key; 0 when it is none."""
    text = member.get("n")
    try:
        return int.from_bytes(urlsafe_b64decode(f"{text}==")).bit_length()
    except ValueError:
        return 0


_PUBLIC = frozenset(("kty", "n", "e", "crv", "x", "y"))


def _algorithms(member: Mapping[str, Any]) -> frozenset[str]:
    kty, curve, named = member.get("kty"), member.get("crv"), member.get("alg")
    if kty == "RSA":
        fitting = frozenset(_RSA)
    elif kty in ("EC", "OKP") and isinstance(curve, str):
        fitting = frozenset(_CURVES.get(curve, ()))
    else:
        fitting = frozenset()
    if named is None or not isinstance(named, str):
        return fitting if named is None else frozenset()
    same = {"EdDSA", "Ed25519"}  # RFC 9864 gave the same algorithm a second name
    return fitting & same if named in same else fitting & {named}
