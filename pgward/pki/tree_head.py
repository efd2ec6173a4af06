"""Signed tree heads: what the log says of itself, so that it cannot say otherwise later.

A head is a compact JWS (ES256) by the log's own key. The log is known by that key: its id is the
SHA-256 of the SubjectPublicKeyInfo, as in RFC 6962 section 3.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.pki import jws, keys
from pgward.pki.errors import LogError
from pgward.pki.merkle import HASH_BYTES

TYPE = "pgward-log-head+jws"
MAX_BYTES = 4096
_MAX_SIZE = 1 << 62


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How large the log is, its root hash, and when that was said; ``log_id`` is hex."""

    log_id: str
    size: int
    root: bytes
    time: datetime

    def to_json(self) -> dict[str, Any]:
        """Return what is signed, and shown to people."""
        return {
            "log_id": self.log_id,
            "size": self.size,
            "root": self.root.hex(),
            "time": rfc3339(self.time),
        }


def log_id(key: ec.EllipticCurvePublicKey) -> str:
    """Return the id of the log whose heads this key verifies, as hex."""
    return keys.spki_sha256(key)


def sign(head: TreeHead, key: ec.EllipticCurvePrivateKey) -> str:
    """Sign a head with the log's key (P-256)."""
    return jws.sign({"typ": TYPE, "alg": "ES256"}, head.to_json(), key)


def read(text: str) -> TreeHead:
    """Read a head without verifying it; raise LogError."""
    return _read(_parse(text).payload)


def verify(text: str, key: ec.EllipticCurvePublicKey) -> TreeHead:
    """Return the head if the log's key signed it; raise LogError."""
    parsed = _parse(text)
    head = _read(parsed.payload)
    if head.log_id != log_id(key):
        raise LogError(f"the head is of another log, {head.log_id}")
    try:
        parsed.verify(key)
    except jws.JwsError as error:
        raise LogError(f"the log's key did not sign this head: {error}") from error
    return head


def load_key(pem: str | bytes) -> ec.EllipticCurvePublicKey:
    """Read a log's public key (PEM, P-256); raise LogError."""
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError as error:
        raise LogError("the log's public key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise LogError("the log's public key is not on the curve P-256")
    return key


def dump_key(key: ec.EllipticCurvePublicKey) -> str:
    """Write a log's public key as PEM."""
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, kind).decode("ascii")


def _parse(text: str) -> jws.Jws:
    try:
        return jws.parse(text, typ=TYPE, max_bytes=MAX_BYTES)
    except jws.JwsError as error:
        raise LogError(f"that is no head of a log: {error}") from error


def _read(payload: Mapping[str, Any]) -> TreeHead:
    try:
        root, size = bytes.fromhex(payload["root"]), payload["size"]
        head = TreeHead(str(payload["log_id"]), size, root, parse_rfc3339(payload["time"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise LogError("the head lacks what every head says") from error
    if type(size) is not int or not 0 <= size <= _MAX_SIZE or len(root) != HASH_BYTES:
        raise LogError("the head says what no head can")
    return head
