from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain import blocks, chunk
from pgward.audit.chain.blocks import Chain
from pgward.audit.chain.chunk import ChunkError, Packer, open_chunk, unpack
from pgward.audit.chain.encoding import encode
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import ChainBrokenError
from pgward.pki import jws
from tests.fixtures.records import CHAIN, chained, packed, record, written

RECORDS = [record(2), record(1, user="bob"), record(3, user=None, service=None, session=None)]
CHUNK, END = packed(RECORDS)
LINES = chained(RECORDS)[0]


def test_a_chunk_is_opened_when_all_that_its_manifest_says_is_true():
    assert open_chunk(CHUNK.data, CHUNK.manifest) == LINES


def test_its_manifest_says_whom_and_when_it_is_about():
    made = CHUNK.manifest
    assert (made.first_seq, made.last_seq, made.lines) == (1, 3, 3)
    assert (made.users, made.services) == (("alice", "bob"), ("orders",))
    assert made.sessions == ("0123456789abcdef-17",)
    assert (made.first_time, made.last_time) == (record(1)["time"], record(3)["time"])
    assert made.plain_bytes == sum(len(line) + 1 for line in LINES)


def test_the_next_chunk_follows():
    following, end = packed([record(4)], END)
    assert following.manifest.start == END
    assert (following.manifest.first_seq, end.seq) == (4, 4)
    open_chunk(following.data, following.manifest)


def again(lines):
    return zstandard.compress(b"\n".join([*lines, b""]))


def test_a_line_that_was_changed_and_packed_again_is_named():
    changed = [LINES[0], LINES[1].replace(b"bob", b"eve"), LINES[2]]
    with pytest.raises(ChainBrokenError) as caught:
        open_chunk(again(changed), CHUNK.manifest)
    assert (caught.value.seq, caught.value.message[:24]) == (1, "one of lines 1 to 3 was ")


def test_the_same_lines_packed_otherwise_are_not_the_chunk():
    with pytest.raises(ChunkError, match="not the one"):
        open_chunk(zstandard.compress(b"\n".join([*LINES, b""]), level=19), CHUNK.manifest)
    with pytest.raises(ChunkError, match="not the one"):
        open_chunk(CHUNK.data, replace(CHUNK.manifest, plain_bytes=1))


@given(st.integers(0, len(CHUNK.data) - 1), st.integers(1, 255))
def test_one_changed_byte_of_a_chunk_is_found(place, change):
    data = bytearray(CHUNK.data)
    data[place] ^= change
    with pytest.raises((ChunkError, ChainBrokenError)):
        open_chunk(bytes(data), CHUNK.manifest)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        CHUNK.data[:-1],
        CHUNK.data + b"more",
        zstandard.compress(b""),
        zstandard.compress(b"no line feed"),
        zstandard.ZstdCompressor(write_content_size=False).compress(b"\n"),
    ],
)
def test_what_is_no_chunk_is_refused(data):
    with pytest.raises(ChunkError):
        unpack(data)


def test_a_chunk_that_would_fill_the_memory_is_refused():
    bomb = zstandard.compress(b"x" * (1 << 20) + b"\n")
    assert len(bomb) < 200
    with pytest.raises(ChunkError, match="unpacks to 1 to 1048576 bytes"):
        unpack(bomb, 1 << 20)


def test_a_packer_is_full_by_bytes_and_by_lines(monkeypatch):
    packer = Packer(Head.origin(CHAIN))
    packer.add(RECORDS[0])
    assert (packer.full, len(packer)) == (False, 1)
    monkeypatch.setattr(chunk, "MOST_LINES", 2)
    packer.add(RECORDS[1])
    assert packer.full
    monkeypatch.setattr(chunk, "MOST_LINES", 10)
    monkeypatch.setattr(chunk, "GOAL_BYTES", 100)
    assert packer.full


def filled(records, start=0, left_out=frozenset()):
    """Take records into a packer; return where it ended, and the packer."""
    packer = Packer(Head.origin(CHAIN))
    return packer.fill(records, start, left_out), packer


def test_records_that_are_written_already_make_the_same_chunk():
    place, packer = filled([written(each) for each in RECORDS])
    assert place == len(RECORDS)
    assert packer.pack("edge-1") == CHUNK


def test_a_packer_leaves_what_is_not_written_and_who_is_left_out():
    other = written(record(4, session="other"))
    records = [written(RECORDS[0]), RECORDS[1], written(RECORDS[2]), other]
    assert [filled(records, start)[0] for start in range(5)] == [1, 1, 4, 4, 4]
    assert [filled(records, start, {"other"})[0] for start in range(5)] == [1, 1, 3, 3, 4]
    place, packer = filled(records, 1)
    assert (place, len(packer)) == (1, 0)


def test_what_json_cannot_hold_is_not_taken():
    packer = Packer(Head.origin(CHAIN))
    for each in RECORDS:
        packer.add(each)
        with pytest.raises(TypeError):
            packer.add(each | {"text": object()})
    assert packer.pack("edge-1") == CHUNK


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_hashes_stand_at_the_ends_of_blocks(count):
    records = [record(number) for number in range(count)]
    chunk, end = packed(records)
    for some in ([written(each) for each in records], [*map(written, records[:50]), *records[50:]]):
        place, packer = filled(some)
        for each in some[place:]:
            packer.add(each)
        assert packer.pack("edge-1") == chunk
    lines = open_chunk(chunk.data, chunk.manifest)
    hashed = [number for number, line in enumerate(lines, 1) if b',"hash":"' in line]
    assert hashed == sorted({*range(100, count, 100), count})
    assert (lines, end) == chained(records)


def test_a_packer_takes_no_more_than_makes_it_full(monkeypatch):
    records = [written(each) for each in RECORDS]
    monkeypatch.setattr(chunk, "MOST_LINES", 2)
    place, packer = filled(records)
    assert (place, packer.full) == (2, True)
    monkeypatch.setattr(chunk, "MOST_LINES", 10)
    monkeypatch.setattr(chunk, "GOAL_BYTES", len(LINES[0]) + 1)
    place, packer = filled(records)
    assert (place, packer.full) == (2, True)


@pytest.mark.parametrize("length", [3_000, 60_000, 300_000])
def test_long_lines_make_short_blocks(length):
    records = [record(number, text="x" * length) for number in range(30)]
    for some in (records, [written(each) for each in records]):
        place, packer = filled(some)
        for each in some[place:]:
            packer.add(each)
        made = packer.pack("edge-1")
        plain = b"\n".join([*open_chunk(made.data, made.manifest), b""])
        ends = [at for at, _ in blocks.walk(plain, Head.origin(CHAIN).hash)]
        sizes = [end - start for start, end in pairwise([0, *ends])]
        assert max(sizes) < max(blocks.GOAL_BYTES, length) + 1024


def test_a_chunk_is_verified_some_lines_at_a_time(monkeypatch):
    monkeypatch.setattr(chunk, "_AT_ONCE", 300)
    monkeypatch.setattr(blocks, "MOST_LINES", 2)
    records = [record(number, text="x" * (2000 if number == 3 else 9)) for number in range(1, 9)]
    made, _ = packed(records)
    parts = list(chunk.opened(made.data, made.manifest))
    assert [part.first for part in parts] == [1, 3, 5, 7]
    lines = b"".join(part.plain for part in parts).splitlines()
    assert lines == chunk.unpack(made.data) == open_chunk(made.data, made.manifest)


def test_a_long_block_is_read_some_lines_at_a_time(monkeypatch):
    """An edge that lies could make all of a chunk one block."""
    monkeypatch.setattr(blocks, "MOST_LINES", 100)
    monkeypatch.setattr(chunk, "_AT_ONCE", 100)
    monkeypatch.setattr(chunk, "_MOST_AT_ONCE", 600)
    records = [record(number, text="x" * (2000 if number == 4 else 9)) for number in range(1, 9)]
    made, _ = packed(records)
    parts = list(chunk.opened(made.data, made.manifest))
    assert [part.first for part in parts] == [1, 3, 4, 5, 7]
    assert b"".join(part.plain for part in parts).splitlines() == chunk.unpack(made.data)


def test_numbers_of_lines_are_looked_at_when_a_chunk_is_opened():
    """A hash proves nothing of them against an edge that lies."""
    chain = Chain(Head.origin(CHAIN))
    plain = chain.block([encode(each) for each in RECORDS])
    wrong = plain.replace(b'"seq":3,', b'"seq":2,').split(b',"hash"')[0] + b"}"
    end = Head(CHAIN, 3, sha256(Head.origin(CHAIN).hash + wrong).digest())
    data = zstandard.compress(wrong[:-1] + blocks.tail(end.hash) + b"\n")
    told = replace(CHUNK.manifest, sha256=sha256(data).hexdigest(), end_hash=jws.encode(end.hash))
    assert len(list(chunk.opened(data, told))) == 1
    with pytest.raises(ChainBrokenError, match="line 2 stands where line 3 belongs"):
        open_chunk(data, told)


class Watched(list):
    """Records of which it is known which were looked at."""

    def __init__(self, records):
        super().__init__(records)
        self.seen = []

    def __getitem__(self, place):
        self.seen.append(place)
        return super().__getitem__(place)

    def __iter__(self):
        raise AssertionError("all are looked at for each")


def test_a_packer_looks_at_no_record_before_the_place_where_it_goes_on():
    records = Watched([record(1), written(record(2)), record(3)])
    packer = Packer(Head.origin(CHAIN))
    assert [packer.fill(records, place) for place in (0, 1, 2)] == [0, 2, 2]
    assert records.seen == [0, 1, 2, 2]
