"""Manifests: what a chunk holds, signed by the machine key of the edge that made it.

A manifest travels in an HTTP header, where 8 KiB is all that some balancers take: what a chunk
is about is listed only while it is short, and is None otherwise.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.audit.chain.head import Head, read_hash
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import PgwardError
from pgward.pki import jws

TYPE: Final = "pgward-audit+jws"
HEADER: Final = "Pgward-Manifest"
MOST_BYTES: Final = 16 * 1024
MOST_LISTED: Final = 512  # bytes of each list, as written

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_NAME = 256
_LISTS = ("users", "services", "sessions")


class ManifestError(PgwardError):
    """A manifest cannot be read, or its signature does not match."""

    code = "bad_manifest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a chunk stands in its chain, and whom it is about.

    Lines ``first_seq`` to ``last_seq`` follow ``start_hash`` and lead to ``end_hash`` (both
    base64url); ``sha256`` (hex) is of the chunk as it is stored, ``plain_bytes`` what it unpacks
    to. Times are the earliest and the latest of a record.
    """

    edge: str
    chain: str
    first_seq: int
    last_seq: int
    start_hash: str
    end_hash: str
    lines: int
    plain_bytes: int
    sha256: str
    first_time: str
    last_time: str
    users: tuple[str, ...] | None = ()
    services: tuple[str, ...] | None = ()
    sessions: tuple[str, ...] | None = ()

    @property
    def start(self) -> Head:
        """The head that the first line follows."""
        return Head(self.chain, self.first_seq - 1, read_hash(self.start_hash))

    @property
    def end(self) -> Head:
        """The head that the last line is."""
        return Head(self.chain, self.last_seq, read_hash(self.end_hash))

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read what ``to_payload`` wrote; raise ManifestError. Unknown members are left out."""
        try:
            members: dict[str, Any] = {name: _text(payload, name) for name in _TEXTS}
            members |= {name: _number(payload, name) for name in _NUMBERS}
            members |= {name: _names(payload.get(name)) for name in _LISTS}
            found = cls(**members)
            found._check()
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise ManifestError(f"the manifest cannot be read: {error}") from error
        return found

    def to_payload(self) -> dict[str, Any]:
        """Write it as a JSON object."""
        return asdict(self) | {name: _as_list(getattr(self, name)) for name in _LISTS}

    def _check(self) -> None:
        Head.from_json({"chain": self.chain, "seq": self.last_seq, "hash": self.end_hash})
        read_hash(self.start_hash)
        if self.lines != self.last_seq - self.first_seq + 1:
            raise ValueError("lines does not match first_seq and last_seq")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is not 64 hex letters")
        parse_rfc3339(self.first_time)
        parse_rfc3339(self.last_time)


_TEXTS = ("edge", "chain", "start_hash", "end_hash", "sha256", "first_time", "last_time")
_NUMBERS = ("first_seq", "last_seq", "lines", "plain_bytes")


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest whose signature matches the first certificate of ``certificates``.

    Whether those are an edge's is for the reader to check.
    """

    manifest: Manifest
    certificates: list[x509.Certificate]
    text: str


def sign(
    manifest: Manifest, key: ec.EllipticCurvePrivateKey, certificates: list[x509.Certificate]
) -> str:
    """Return the manifest as a compact JWS with the edge's certificates (leaf first) in it."""
    header = {"typ": TYPE, "alg": "ES256", "x5c": jws.chain_header(certificates)}
    return jws.sign(header, manifest.to_payload(), key)


def read(text: str) -> SignedManifest:
    """Read a signed manifest and check its signature; raise ManifestError."""
    try:
        statement = jws.parse(text, typ=TYPE, max_bytes=MOST_BYTES)
        certificates = jws.read_chain(statement.header.get("x5c"))
        statement.verify(jws.p256(certificates[0]))
    except jws.JwsError as error:
        raise ManifestError(f"the manifest's signature is not valid: {error}") from error
    return SignedManifest(Manifest.from_payload(statement.payload), certificates, text)


def listed(names: Iterable[str]) -> tuple[str, ...] | None:
    """Return names in order as a manifest lists them, or None when they are too long for it."""
    found = sorted(names)
    return tuple(found) if _length(found) <= MOST_LISTED else None


def _length(names: list[str]) -> int:
    return len(json.dumps(names, separators=(",", ":")))


def _as_list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload[name]
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_NAME:
        raise ValueError(f"{name} is not a text of 1 to {_MOST_NAME} letters")
    return value


def _number(payload: Mapping[str, Any], name: str) -> int:
    value = payload[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 63:
        raise ValueError(f"{name} is not a number above 0")
    return value


def _names(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("users, services and sessions are lists of names, or null")
    if _length(value) > MOST_LISTED:
        raise ValueError("users, services or sessions are too many to be listed")
    return tuple(value)
