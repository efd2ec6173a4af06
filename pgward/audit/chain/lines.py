"""Lines of a chain: ``{"seq":N,RECORD,"hash":"HASH"}``, made and verified.

HASH is the base64url of SHA-256 over the hash of the line before (32 bytes) and the line as it
would be without ``,"hash":"HASH"``. So a verifier needs no JSON: bytes are what is hashed. Before
the first line stands a hash of the chain's identifier, which binds every line to its chain.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Self

from pgward.audit.chain import bulk
from pgward.audit.chain.encoding import encode
from pgward.core.errors import PgwardError
from pgward.pki import jws

_ORIGIN: Final = b"pgward audit chain 1\n"
_CHAIN: Final = re.compile(r"[0-9a-f]{16}")
_SEQ: Final = re.compile(rb'\{"seq":([1-9][0-9]{0,17}),')
_HASH_BYTES: Final = 32
_TAIL: Final = bulk.TAIL


class ChainBrokenError(PgwardError):
    """Lines are not what was chained; ``seq`` is the number of the first that is not."""

    code = "chain_broken"

    def __init__(self, message: str, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the number and the hash (32 bytes) of its last line."""

    chain: str
    seq: int
    hash: bytes

    @classmethod
    def origin(cls, chain: str) -> Self:
        """Return where a chain stands before its first line; it has 16 hex letters as its name.

        Raises ValueError.
        """
        if not _CHAIN.fullmatch(chain):
            raise ValueError("a chain's identifier has 16 hex letters")
        return cls(chain, 0, sha256(_ORIGIN + chain.encode("ascii")).digest())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise ValueError."""
        chain, seq, text = data.get("chain"), data.get("seq"), data.get("hash")
        if not isinstance(chain, str) or not _CHAIN.fullmatch(chain):
            raise ValueError("a chain's identifier has 16 hex letters")
        if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
            raise ValueError("a line's number is not negative")
        return cls(chain, seq, read_hash(text))

    def to_json(self) -> dict[str, Any]:
        """Write it as ``chain``, ``seq`` and ``hash`` (base64url)."""
        return {"chain": self.chain, "seq": self.seq, "hash": jws.encode(self.hash)}


def read_hash(text: object) -> bytes:
    """Read a hash of 32 bytes from base64url; raise ValueError."""
    value = jws.decode(text) if isinstance(text, str) else b""
    if len(value) != _HASH_BYTES:
        raise ValueError("a hash has 32 bytes in base64url")
    return value


class Chain:
    """Makes lines of records, each bound to all before it."""

    __slots__ = ("_hash", "_name", "_seq")

    def __init__(self, head: Head) -> None:
        self._name = head.chain
        self._seq = head.seq
        self._hash = head.hash

    @property
    def head(self) -> Head:
        """Where the chain stands now."""
        return Head(self._name, self._seq, self._hash)

    def append(self, record: Mapping[str, Any]) -> bytes:
        """Return a record's line, without a line feed; the record is not empty.

        Raises TypeError for what JSON cannot hold; the chain stays as it was.
        """
        return self.append_json(encode(record))

    def append_json(self, record: bytes) -> bytes:
        """Return the line of a record that is JSON already: an object, compact, not empty."""
        return self.extend((record,))[0]

    def extend(self, records: Iterable[bytes]) -> list[bytes]:
        """Return the lines of records that are JSON already, as ``append_json`` does."""
        seq, digest, lines = self._seq, self._hash, list[bytes]()
        for record in records:
            seq += 1
            hashed = b'%b{"seq":%d,%b' % (digest, seq, record[1:])
            digest = sha256(hashed).digest()
            text = b2a_base64(digest, newline=False)[: bulk.HASH_LETTERS].translate(bulk.URL_SAFE)
            lines.append(b'%b,"hash":"%b"}' % (hashed[_HASH_BYTES:-1], text))
        self._seq, self._hash = seq, digest
        return lines


def record_of(line: bytes) -> bytes:
    """Return the record of a line as JSON, without what the chain added; raise ValueError."""
    found = _SEQ.match(line)
    if found is None or len(line) <= found.end() + _TAIL:
        raise ValueError("that is no line of a chain")
    return b"{" + line[found.end() : -_TAIL] + b"}"


def verify(lines: Iterable[bytes], start: Head, end: Head | None = None) -> Head:
    """Check lines (without line feeds) that follow ``start``; return the head that they lead to.

    Raises ChainBrokenError, which names the first line that was changed, is missing or is out of
    place. Only with ``end`` are lines found missing that were cut off at the end.
    """
    found = lines if isinstance(lines, list) else list(lines)
    seq, digest = start.seq + len(found), bulk.end_of(found, start.seq, start.hash)
    if digest is None:
        digest = _checked_each(found, start)
    if end is not None and (end.chain, end.seq, end.hash) != (start.chain, seq, digest):
        _refuse_end(start.chain, seq, end)
    return Head(start.chain, seq, digest)


def _checked_each(lines: Iterable[bytes], start: Head) -> bytes:
    seq, digest = start.seq, start.hash
    for line in lines:
        seq += 1
        digest = _check(line, seq, digest)
    return digest


def _check(line: bytes, seq: int, before: bytes) -> bytes:
    plain = line[:-_TAIL] + b"}"
    digest = sha256(before + plain).digest()
    if line[-_TAIL:] == _tail(digest) and line.startswith(b'{"seq":%d,' % seq):
        return digest
    found = _SEQ.match(line)
    number = seq if found is None else int(found[1])
    if number == seq or _only_number_changed(line, seq, before):
        raise ChainBrokenError(f"line {seq} was changed, or does not follow the one before", seq)
    if number > seq:
        raise ChainBrokenError(f"line {seq} is missing: line {number} stands there", seq)
    raise ChainBrokenError(f"line {number} stands where line {seq} belongs", seq)


def _only_number_changed(line: bytes, seq: int, before: bytes) -> bool:
    as_it_was = _SEQ.sub(b'{"seq":%d,' % seq, line, count=1)
    digest = sha256(before + as_it_was[:-_TAIL] + b"}").digest()
    return as_it_was[-_TAIL:] == _tail(digest)


def _refuse_end(chain: str, seq: int, end: Head) -> None:
    if end.chain != chain:
        raise ChainBrokenError("the lines are of another chain", seq)
    if seq < end.seq:
        raise ChainBrokenError(f"line {seq + 1} is missing, and all up to {end.seq}", seq + 1)
    if seq > end.seq:
        raise ChainBrokenError(f"line {end.seq + 1} was added", end.seq + 1)
    raise ChainBrokenError(f"line {seq} is not the one that was signed", seq)


def _tail(digest: bytes) -> bytes:
    text = b2a_base64(digest, newline=False)[: bulk.HASH_LETTERS].translate(bulk.URL_SAFE)
    return bulk.KEY + text + bulk.END
