"""Chunks: lines that follow each other, compressed; packed by an edge, opened by who verifies."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

import zstandard

from pgward.audit.chain import blocks
from pgward.audit.chain.blocks import Chain
from pgward.audit.chain.encoding import encode
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import verify
from pgward.audit.chain.manifest import Manifest, listed
from pgward.audit.chain.written import About, Record, Written
from pgward.core.errors import PgwardError
from pgward.pki import jws

MOST_LINES: Final = 25_000
GOAL_BYTES: Final = 12 * 1024 * 1024  # of lines; what is longer alone is a chunk of its own
MOST_PLAIN: Final = 64 * 1024 * 1024
MOST_PACKED: Final = 64 * 1024 * 1024

_LEVEL: Final = 1  # of such lines 3 makes more bytes, in half as much time again
_WINDOW: Final = 8 * 1024 * 1024
_AT_ONCE: Final = 64 * 1024
_MOST_AT_ONCE: Final = 1024 * 1024  # of a block, which an edge makes as long as it likes


class ChunkError(PgwardError):
    """A chunk is damaged: it is not what its manifest says."""

    code = "bad_chunk"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Compressed lines, with the manifest that is to be signed."""

    data: bytes
    manifest: Manifest


class Packer:
    """Chains the records of one chunk; ``start`` is the head that its first line follows."""

    def __init__(self, start: Head) -> None:
        self._start = start
        self._chain = Chain(start)
        self._blocks: list[bytes] = []
        self._open: list[bytes] = []  # records of the block that is not whole
        self._open_bytes = self._lines = self._bytes = 0
        self._first_time = self._last_time = ""
        self._about: set[About] = set()

    def add(self, record: Record) -> None:
        """Take a record. Raises TypeError for what JSON cannot hold: then nothing is taken."""
        self.add_json(encode(record), record)

    def add_json(self, data: bytes, record: Record) -> None:
        """Take a record that is JSON already, and what it says of time, user, service, session."""
        self._about.add(About(record.get("user"), record.get("service"), record.get("session")))
        self._came(record["time"])
        self._take([data], len(data))

    def fill(
        self,
        records: Sequence[Record | Written],
        start: int = 0,
        left_out: Collection[str | None] = frozenset(),
    ) -> int:
        """Take records from the place ``start`` on; return where that ended.

        That is when it is full, or at a record that is not written yet, or whose session is one
        of those ``left_out``.
        """
        written, times, whom = list[bytes](), list[int](), set[About]()
        before = room = GOAL_BYTES - self._bytes
        for place in range(start, min(len(records), start + MOST_LINES - self._lines)):
            record = records[place]  # islice would walk to ``start``, for each that is not written
            if not isinstance(record, tuple) or room <= 0:
                break
            line, time, about = record
            if about.session in left_out:
                break
            written.append(line)
            times.append(time)
            whom.add(about)
            room -= len(line)
        if written:
            self._about |= whom
            for time in (min(times), max(times)):
                self._came(json.loads(written[times.index(time)])["time"])
            self._take(written, before - room)
        return start + len(written)

    def _take(self, records: Sequence[bytes], size: int) -> None:
        self._open += records
        self._open_bytes += size
        self._lines += len(records)
        self._bytes += size
        if len(self._open) >= blocks.MOST_LINES or self._open_bytes >= blocks.GOAL_BYTES:
            self._seal()

    def _seal(self) -> None:
        """Make blocks of the open records, the last of which may go on."""
        count, size = len(self._open), self._open_bytes
        most = max(1, min(blocks.MOST_LINES, blocks.GOAL_BYTES * count // size))
        whole = count - count % most
        for at in range(0, whole, most):
            self._blocks.append(self._chain.block(self._open[at : at + most]))
        del self._open[:whole]
        self._open_bytes = sum(map(len, self._open))

    def _came(self, time: str) -> None:
        if time < self._first_time or not self._first_time:
            self._first_time = time
        self._last_time = max(self._last_time, time)

    def __len__(self) -> int:
        return self._lines

    @property
    def full(self) -> bool:
        """Whether it is long enough to be packed."""
        return self._bytes >= GOAL_BYTES or self._lines >= MOST_LINES

    def pack(self, edge: str) -> Chunk:
        """Return the chunk of the records, of which there is one at least."""
        if self._open:
            self._blocks.append(self._chain.block(self._open))
            self._open.clear()
        plain, end = b"".join(self._blocks), self._chain.head
        self._blocks.clear()
        data = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
        users, services, sessions = (
            listed(name for name in set(names) if name) for names in zip(*self._about, strict=True)
        )
        manifest = Manifest(
            edge=edge,
            chain=end.chain,
            first_seq=self._start.seq + 1,
            last_seq=end.seq,
            start_hash=jws.encode(self._start.hash),
            end_hash=jws.encode(end.hash),
            lines=self._lines,
            plain_bytes=len(plain),
            sha256=sha256(data).hexdigest(),
            first_time=self._first_time,
            last_time=self._last_time,
            users=users,
            services=services,
            sessions=sessions,
        )
        return Chunk(data, manifest)


class Part(NamedTuple):
    """Lines of a chunk, each with its line feed; ``first`` is the number of the first of them."""

    first: int
    plain: bytes


def unpack(data: bytes, most: int = MOST_PLAIN) -> list[bytes]:
    """Return the lines of a compressed chunk that unpacks to at most ``most`` bytes.

    Raises ChunkError.
    """
    return _split(_unpacked(data, most))


def _unpacked(data: bytes, most: int) -> bytes:
    try:
        size = zstandard.get_frame_parameters(data).content_size
        if not 0 < size <= most:
            raise ChunkError(f"a chunk unpacks to 1 to {most} bytes, and says so in front")
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        plain = unpacker.decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ChunkError("the chunk cannot be unpacked") from error
    if len(plain) != size or not plain.endswith(b"\n"):
        raise ChunkError("the chunk is cut off")
    return plain


def _split(plain: bytes) -> list[bytes]:
    lines = plain.split(b"\n")
    lines.pop()  # what stands behind the last line feed
    return lines


def open_chunk(data: bytes, manifest: Manifest) -> list[bytes]:
    """Return a chunk's lines, after all that its manifest says of them proved true.

    Raises ChunkError, and ChainBrokenError, which names the line.
    """
    lines = [line for part in opened(data, manifest) for line in _split(part.plain)]
    verify(lines, manifest.start, manifest.end)
    return lines


def opened(data: bytes, manifest: Manifest) -> Iterator[Part]:
    """Yield a chunk's lines, some at a time, as memory that is used again is fast.

    Only behind the last of them is it known that all of the chunk is as its manifest says, but
    for the numbers of lines, which are for whoever reads them to see. Raises as ``open_chunk``
    does.
    """
    damaged = sha256(data).hexdigest() != manifest.sha256
    plain = _unpacked(data, MOST_PLAIN)
    start, end = manifest.start, manifest.end
    first, begin, reached = start.seq + 1, 0, (0, start.hash)
    for reached in blocks.walk(plain, start.hash):
        at, _ = reached
        while at - begin >= _AT_ONCE or begin < at == len(plain):
            part = Part(first, plain[begin : _end_of_part(plain, begin, at)])
            first, begin = first + part.plain.count(b"\n"), begin + len(part.plain)
            yield part
    if (first - 1, *reached) != (end.seq, len(plain), end.hash):
        verify(_split(plain), start, end)
        damaged = True
    if damaged or len(plain) != manifest.plain_bytes:
        raise ChunkError("the chunk is not the one that its manifest was made for")


def _end_of_part(plain: bytes, begin: int, end: int) -> int:
    """Return where a part ends that is not too long to be read at once; one line may be."""
    if end - begin <= _MOST_AT_ONCE:
        return end
    last = plain.rfind(b"\n", begin, begin + _MOST_AT_ONCE)
    return (plain.index(b"\n", begin) if last < 0 else last) + 1
