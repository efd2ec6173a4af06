"""Public keys of accounts: JSON Web Keys (RFC 7517), their thumbprints and signatures."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from pgward.ca.acme.problems import AcmeError
from pgward.pki import jws as base64url
from pgward.pki import keys
from pgward.pki.errors import BadKeyError

ALGORITHMS = ("ES256", "ES384", "EdDSA", "RS256")
# An account's RSA key is verified at every request, by whoever asks: that must stay cheap.
MAX_RSA_BITS = 4096
_MAX_EXPONENT = 2**32
_CURVES: dict[str, tuple[type[ec.EllipticCurve], int, hashes.HashAlgorithm, str]] = {
    "P-256": (ec.SECP256R1, 32, hashes.SHA256(), "ES256"),
    "P-384": (ec.SECP384R1, 48, hashes.SHA384(), "ES384"),
}
# What RFC 7638 and RFC 8037 hash; everything else in a key is left out.
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A key that signs requests; ``members`` is its JWK with what counts and nothing else."""

    public: PublicKey
    algorithm: str
    members: dict[str, str]

    @property
    def thumbprint(self) -> str:
        """RFC 7638, SHA-256, base64url."""
        text = json.dumps(self.members, sort_keys=True, separators=(",", ":"))
        return base64url.encode(hashlib.sha256(text.encode()).digest())

    @property
    def spki_sha256(self) -> str:
        """What the store knows keys of certificates by."""
        return keys.spki_sha256(self.public)

    def verify(self, algorithm: str, signed: bytes, signature: bytes) -> None:
        """Raise AcmeError unless this key made the signature, with the one algorithm it has."""
        if algorithm != self.algorithm:
            raise AcmeError(
                "badSignatureAlgorithm",
                f"the algorithm of this key is {self.algorithm}",
                algorithms=ALGORITHMS,
            )
        try:
            _verify(self.public, signed, signature)
        except (InvalidSignature, ValueError) as error:
            raise AcmeError("malformed", "the signature does not match") from error


def read(value: object) -> AccountKey:
    """Read a JWK; raise AcmeError (``badPublicKey``, ``malformed``)."""
    if not isinstance(value, dict):
        raise AcmeError("malformed", "jwk is not an object")
    if _PRIVATE & value.keys():
        raise AcmeError("badPublicKey", "jwk holds a private key: it is compromised, make another")
    kind = value.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        raise AcmeError("badPublicKey", "the kind of key is not supported: use EC, OKP or RSA")
    members = {name: _text(value, name) for name in _MEMBERS[kind]}
    try:
        public, algorithm = _READERS[kind](members)
        keys.check_public(public)
    except (base64url.JwsError, ValueError, BadKeyError) as error:
        raise AcmeError("badPublicKey", f"the key cannot be used: {_reason(error)}") from error
    return AccountKey(public, algorithm, members)


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise AcmeError("badPublicKey", f"jwk has no {name}")
    return found


def _reason(error: Exception) -> str:
    known = isinstance(error, base64url.JwsError | BadKeyError)
    return str(error) if known else "its numbers are no key"


def _read_ec(members: dict[str, str]) -> tuple[PublicKey, str]:
    if members["crv"] not in _CURVES:
        raise BadKeyError("its curve is not P-256 or P-384")
    curve, size, _, algorithm = _CURVES[members["crv"]]
    x, y = (_sized(members[name], size) for name in ("x", "y"))
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve())
    return numbers.public_key(), algorithm


def _read_okp(members: dict[str, str]) -> tuple[PublicKey, str]:
    if members["crv"] != "Ed25519":
        raise BadKeyError("its curve is not Ed25519")
    data = _sized(members["x"], 32)
    return ed25519.Ed25519PublicKey.from_public_bytes(data), "EdDSA"


def _read_rsa(members: dict[str, str]) -> tuple[PublicKey, str]:
    modulus, exponent = (_integer(members[name]) for name in ("n", "e"))
    if modulus.bit_length() > MAX_RSA_BITS or exponent > _MAX_EXPONENT:
        raise BadKeyError(f"an RSA key has at most {MAX_RSA_BITS} bits, its exponent at most 32")
    if modulus.bit_length() < keys.MIN_RSA_BITS or not modulus & 1 or not exponent & 1:
        raise BadKeyError(f"an RSA key has at least {keys.MIN_RSA_BITS} bits")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key(), "RS256"


_READERS = {"EC": _read_ec, "OKP": _read_okp, "RSA": _read_rsa}


def _sized(text: str, size: int) -> bytes:
    data = base64url.decode(text)
    if len(data) != size:
        raise BadKeyError(f"a coordinate is not {size} bytes")
    return data


def _integer(text: str) -> int:
    data = base64url.decode(text)
    if not data or data[0] == 0:
        raise BadKeyError("a number is empty or begins with zero")  # RFC 7518 section 6.3.1
    return int.from_bytes(data)


def _verify(key: PublicKey, signed: bytes, signature: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        half, digest = next(
            (size, digest) for curve, size, digest, _ in _CURVES.values() if _is(key, curve)
        )
        if len(signature) != 2 * half:
            raise ValueError("the signature has another length")
        r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(digest))


def _is(key: ec.EllipticCurvePublicKey, curve: type[ec.EllipticCurve]) -> bool:
    return isinstance(key.curve, curve)
