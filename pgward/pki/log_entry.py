"""What the transparency log records: certificates, revocations, and what was purged.

An entry's bytes hold all that must not change, and can be made again from what the store
holds, so that an altered row has another hash. In the presentation language of RFC 8446,
section 3::

    enum { certificate(1), revocation(2), purge(3), (255) } EntryType;

    struct { uint64 first; uint64 end; } Range;   /* leaves, without the end itself */

    struct {
        uint8 version = 1;
        EntryType type;
        uint64 timestamp;             /* microseconds since 1970, UTC */
        select (type) {
            case certificate:
                opaque ca<1..2^8-1>;         /* which CA signed it */
                opaque kind<1..2^8-1>;
                opaque subject<1..2^16-1>;   /* the person's or the machine's name */
                opaque session<0..2^8-1>;    /* the login session */
                opaque client<0..2^16-1>;    /* the network address that asked */
                opaque der<1..2^24-1>;
            case revocation:
                opaque ca<1..2^8-1>;
                opaque serial<1..2^8-1>;     /* lower-case hex */
                opaque reason<0..2^8-1>;
            case purge:
                opaque expired_before<8>;    /* as the timestamp: all were over by then */
                opaque ranges<0..2^24-1>;    /* Range, in order: whose rows were removed */
                opaque digest<32>;           /* SHA-256 over the hashes of these leaves */
        };
    } Entry;

The leaf of the Merkle tree is ``merkle.leaf_hash`` of these bytes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from pgward.core.errors import InvalidInputError

VERSION = 1
MAX_BYTES = 1 << 20
MAX_PURGED = 1 << 20  # by one entry
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_TIMESTAMP = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_HEAD = 10  # version, type, timestamp


class BadEntryError(InvalidInputError):
    """Bytes that should be an entry of the log are not."""


class EntryType(IntEnum):
    """What an entry records."""

    CERTIFICATE = 1
    REVOCATION = 2
    PURGE = 3


@dataclass(frozen=True, slots=True)
class CertificateEntry:
    """A certificate was issued; ``time`` is when it was asked for."""

    time: datetime
    ca: str
    kind: str
    subject: str
    der: bytes
    session: str = ""
    client: str = ""

    def encode(self) -> bytes:
        """Return the entry's bytes."""
        return b"".join(
            (
                _head(EntryType.CERTIFICATE, self.time),
                _opaque(self.ca.encode(), 1),
                _opaque(self.kind.encode(), 1),
                _opaque(self.subject.encode(), 2),
                _opaque(self.session.encode(), 1),
                _opaque(self.client.encode(), 2),
                _opaque(self.der, 3),
            )
        )


@dataclass(frozen=True, slots=True)
class RevocationEntry:
    """A certificate was revoked, for a reason of RFC 5280 section 5.3.1."""

    time: datetime
    ca: str
    serial: str
    reason: str

    def encode(self) -> bytes:
        """Return the entry's bytes."""
        return b"".join(
            (
                _head(EntryType.REVOCATION, self.time),
                _opaque(self.ca.encode(), 1),
                _opaque(self.serial.encode(), 1),
                _opaque(self.reason.encode(), 1),
            )
        )


@dataclass(frozen=True, slots=True)
class PurgeEntry:
    """Expired certificates were removed by policy; their leaves' hashes stay."""

    time: datetime
    expired_before: datetime
    ranges: tuple[tuple[int, int], ...]
    digest: bytes

    def encode(self) -> bytes:
        """Return the entry's bytes."""
        ranges = b"".join(number.to_bytes(8) for each in self.ranges for number in each)
        return b"".join(
            (
                _head(EntryType.PURGE, self.time),
                _opaque(_timestamp(self.expired_before), 1),
                _opaque(ranges, 3),
                _opaque(self.digest, 1),
            )
        )

    def indexes(self) -> list[int]:
        """Return the leaves whose certificates were removed."""
        return [index for first, end in self.ranges for index in range(first, end)]


Entry = CertificateEntry | RevocationEntry | PurgeEntry


def decode(data: bytes) -> Entry:
    """Read what ``encode`` wrote; raise BadEntryError."""
    if not _HEAD <= len(data) <= MAX_BYTES:
        raise BadEntryError(f"a log entry of {len(data)} bytes")
    if data[0] != VERSION:
        raise BadEntryError(f"a log entry of version {data[0]}", hint="upgrade pgward")
    if data[1] not in tuple(EntryType):
        raise BadEntryError(f"a log entry of type {data[1]}", hint="upgrade pgward")
    time = _time(int.from_bytes(data[2:_HEAD]))
    if data[1] == EntryType.PURGE:
        return _purge(time, *_opaques(data, (1, 3, 1)))
    if data[1] == EntryType.CERTIFICATE:
        ca, kind, subject, session, client, der = _opaques(data, (1, 1, 2, 1, 2, 3))
        return CertificateEntry(
            time, _text(ca), _text(kind), _text(subject), der, _text(session), _text(client)
        )
    ca, serial, reason = _opaques(data, (1, 1, 1))
    return RevocationEntry(time, _text(ca), _text(serial), _text(reason))


def _purge(time: datetime, before: bytes, ranges: bytes, digest: bytes) -> PurgeEntry:
    if len(before) != 8 or len(ranges) % 16 or len(digest) != 32:  # noqa: PLR2004 - as in the struct
        raise BadEntryError("a log entry about a purge that cannot be")
    ends = [int.from_bytes(ranges[at : at + 8]) for at in range(0, len(ranges), 8)]
    pairs = tuple(zip(ends[::2], ends[1::2], strict=True))
    flat = [number for pair in pairs for number in pair]
    if flat != sorted(flat) or sum(end - first for first, end in pairs) > MAX_PURGED:
        raise BadEntryError("a log entry about a purge that cannot be")
    return PurgeEntry(time, _time(int.from_bytes(before)), pairs, digest)


def _head(kind: EntryType, time: datetime) -> bytes:
    return bytes((VERSION, kind)) + _timestamp(time)


def _timestamp(time: datetime) -> bytes:
    return ((time - _EPOCH) // _MICROSECOND).to_bytes(8)


def _time(timestamp: int) -> datetime:
    if timestamp > _MAX_TIMESTAMP:
        raise BadEntryError("a log entry from after the year 9999")
    return _EPOCH + timedelta(microseconds=timestamp)


def _opaque(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width) + data


def _opaques(data: bytes, widths: tuple[int, ...]) -> list[bytes]:
    found, at = [], _HEAD
    for width in widths:
        start = at + width
        at = start + int.from_bytes(data[start - width : start])
        if at > len(data):
            raise BadEntryError("a log entry is cut short")
        found.append(data[start:at])
    if at != len(data):
        raise BadEntryError("a log entry has bytes too many")
    return found


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadEntryError("a log entry's text is not UTF-8") from error
