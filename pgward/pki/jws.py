"""Compact JWS with ES256 only (RFC 7515, RFC 7518 section 3.4).

There is one algorithm, so there is none to confuse; ``crit``, duplicate members,
padding and non-canonical base64url are refused.
"""

import binascii
import json
import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding

_COORDINATE = 32
_MAX_CHAIN = 4
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


class JwsError(ValueError):
    """The one error of this module; its text is safe to show."""


_ES256 = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Jws:
    """A parsed, not yet verified statement."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes

    def verify(self, key: ec.EllipticCurvePublicKey) -> None:
        """Raise JwsError unless ``key`` made the signature."""
        half = _COORDINATE
        r, s = (int.from_bytes(part) for part in (self.signature[:half], self.signature[half:]))
        try:
            der = utils.encode_dss_signature(r, s)
            key.verify(der, self.signed, _ES256)
        except InvalidSignature as error:
            raise JwsError("the signature does not match") from error


def encode(data: bytes) -> str:
    """Write base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read canonical base64url without padding; raise JwsError."""
    if not _ALPHABET.fullmatch(text):
        raise JwsError("not base64url")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise JwsError("not base64url") from error
    if encode(data) != text:
        raise JwsError("not canonical base64url")
    return data


def sign(
    header: Mapping[str, Any], payload: Mapping[str, Any], key: ec.EllipticCurvePrivateKey
) -> str:
    """Return the compact form of ``payload``, signed with a P-256 key."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise JwsError("only P-256 keys can sign")
    signed = f"{encode(_dump(header))}.{encode(_dump(payload))}"
    der = key.sign(signed.encode("ascii"), _ES256)
    r, s = utils.decode_dss_signature(der)
    return f"{signed}.{encode(r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE))}"


def parse(text: str, *, typ: str, max_bytes: int) -> Jws:
    """Read a compact JWS of this type, without verifying it; raise JwsError."""
    if len(text) > max_bytes:
        raise JwsError(f"longer than {max_bytes} bytes")
    parts = text.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        raise JwsError("not three parts")
    header, payload, signature = (decode(part) for part in parts)
    if len(signature) != 2 * _COORDINATE:
        raise JwsError("the signature is not 64 bytes")
    read = Jws(_load(header), _load(payload), text.rpartition(".")[0].encode("ascii"), signature)
    _check_header(read.header, typ)
    return read


def chain_header(chain: list[x509.Certificate]) -> list[str]:
    """Write certificates as ``x5c`` (RFC 7515 section 4.1.6)."""
    ders = (certificate.public_bytes(Encoding.DER) for certificate in chain)
    return [binascii.b2a_base64(der, newline=False).decode("ascii") for der in ders]


def read_chain(value: object) -> list[x509.Certificate]:
    """Read ``x5c``: one to four certificates, leaf first; raise JwsError."""
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_CHAIN:
        raise JwsError("x5c does not hold one to four certificates")
    return [_certificate(item) for item in value]


def p256(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Return a certificate's key if ES256 can use it; raise JwsError."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise JwsError("the certificate's key is not P-256")
    return key


def _certificate(item: object) -> x509.Certificate:
    if not isinstance(item, str):
        raise JwsError("x5c holds something that is not text")
    try:
        certificate = x509.load_der_x509_certificate(b64decode(item, validate=True))
        certificate.public_key()
        list(certificate.extensions)
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise JwsError("x5c holds something that is not a certificate") from error
    return certificate


def _check_header(header: dict[str, Any], typ: str) -> None:
    if header.get("alg") != "ES256":
        raise JwsError("the algorithm is not ES256")
    if header.get("typ") != typ:
        raise JwsError(f"the type is not {typ}")
    if "crit" in header:
        raise JwsError("critical header members are not supported")


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _load(data: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise JwsError("not JSON") from error
    if not isinstance(value, dict):
        raise JwsError("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JwsError("a member occurs twice")
    return members


def _no_constant(name: str) -> None:
    raise JwsError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
