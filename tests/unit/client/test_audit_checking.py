"""What verifying finds: every way to change, remove, add or forge what is on record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.head import Head
from pgward.client.audit_checking import ChainCheck, Signers
from pgward.pki import jws
from tests.fixtures.chunks import CHAIN, record
from tests.fixtures.fake_archive import FakeArchive
from tests.fixtures.fake_ca import FakeCa
from tests.fixtures.pki import TestCa


@pytest.fixture(scope="module")
def archive():
    made = FakeArchive(FakeCa())
    for number in range(3):
        made.add(record(2 * number), record(2 * number + 1))
    return made


def check(archive, chunks=None, start=None, expected=None, roots=None, **more):
    signers = Signers(roots or [archive.server_ca.certificate])
    made = ChainCheck("e1", start or Head.origin(CHAIN), signers, **more)
    for each in archive.chunks if chunks is None else chunks:
        made.take(each.signed, each.lines)
    made.end(expected)
    return made


def problems(made):
    return [(each["seq"], each["problem"]) for each in made.problems]


def test_a_chain_that_is_whole(archive):
    made = check(archive, expected=archive.heads["e1", CHAIN])
    assert made.to_json() == {
        "edge": "e1",
        "chain": CHAIN,
        "first_seq": 1,
        "last_seq": 6,
        "hash": jws.encode(archive.heads["e1", CHAIN].hash),
        "lines": 6,
        "chunks": 3,
        "missing": 0,
        "left_out": 0,
        "problems": [],
    }


class Shown:
    """A chunk as somebody changed it."""

    def __init__(self, chunk, lines=None, signed=None):
        self.lines = chunk.lines if lines is None else lines
        self.signed = signed or chunk.signed


@given(data=st.data())
def test_one_changed_byte_is_found(archive, data):
    number = data.draw(st.integers(0, 2))
    which = data.draw(st.integers(0, 1))
    chunk = archive.chunks[number]
    line = bytearray(chunk.lines[which])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    lines = [*chunk.lines]
    lines[which] = bytes(line)
    shown = [*archive.chunks]
    shown[number] = Shown(chunk, lines)
    ((seq, _),) = problems(check(archive, shown))
    assert seq in (2 * number + 1 + which, 2 * number + which)


def test_a_line_that_was_removed_added_or_moved(archive):
    first, *rest = archive.chunks
    one, two = first.lines
    for lines, seq in (([one], 2), ([one, two, two], 3), ([two, one], 1), ([], 1)):
        found = problems(check(archive, [Shown(first, lines), *rest]))
        assert [each[0] for each in found] == [seq], lines


def test_a_chunk_that_was_removed(archive):
    one, _, three = archive.chunks
    assert problems(check(archive, [one, three])) == [(3, "lines 3 to 4 are missing")]
    assert problems(check(archive, [archive.chunks[1], three])) == [(1, "lines 1 to 2 are missing")]


def test_chunks_that_were_removed_at_the_end(archive):
    known = archive.heads["e1", CHAIN]
    found = check(archive, archive.chunks[:2], expected=known)
    assert problems(found) == [(5, "lines 5 to 6 are missing")]


def test_a_chunk_that_is_there_twice(archive):
    one, two, three = archive.chunks
    assert problems(check(archive, [one, two, two, three])) == [(3, "line 3 is there twice")]


def test_another_history_that_the_edge_signed_too(archive):
    other = FakeArchive(FakeCa(), server_ca=archive.server_ca)
    other.add(record(0, text="another"), record(1))
    found = problems(check(archive, [other.chunks[0], *archive.chunks[1:]]))
    assert found == [(3, "line 3 does not follow the one before")]


def test_a_manifest_that_a_stranger_signed(archive):
    stranger = FakeArchive(FakeCa())
    stranger.add(record(0), record(1))
    found = problems(check(archive, [stranger.chunks[0], *archive.chunks[1:]]))
    assert len(found) == 1
    assert found[0][1].startswith("its manifest was signed by a stranger: ")


def test_a_manifest_that_another_edge_signed(archive):
    key, certificates = archive.key("e2")
    chunk = archive.chunks[0]
    signed = manifests.read(manifests.sign(chunk.signed.manifest, key, certificates))
    found = problems(check(archive, [Shown(chunk, signed=signed), *archive.chunks[1:]]))
    assert found == [(1, "its manifest was not signed by e1")]


def test_a_chunk_of_another_chain(archive):
    other = FakeArchive(FakeCa(), server_ca=archive.server_ca)
    other.add(record(1), chain="ff" * 8)
    other.add(record(1, edge="e2"), edge="e2")
    for each in other.chunks:
        assert problems(check(archive, [each])) == [(1, "it is of another chain")]


def test_a_gap_that_is_known(archive):
    one, _, three = archive.chunks
    made = check(archive, [one, three], gaps=[(3, 3), (4, 4)])
    assert (made.missing, made.problems) == (2, [])
    assert problems(check(archive, [one, three], gaps=[(4, 4)])) == [(3, "line 3 is missing")]


def test_what_was_kept_begins_later(archive):
    start = archive.chunks[0].signed.manifest.end
    made = check(archive, archive.chunks[1:], start=start)
    assert (made.to_json()["first_seq"], made.problems) == (3, [])


def test_what_is_remembered(archive):
    end = archive.chunks[1].signed.manifest
    known = {"seq": 4, "hash": end.end_hash}
    assert check(archive, remembered=known).problems == []
    assert problems(check(archive, remembered={"seq": 4, "hash": end.start_hash})) == [
        (4, "line 4 is another than when the chain was verified before")
    ]
    assert problems(check(archive, remembered={"seq": 9, "hash": end.end_hash})) == [
        (7, "it ends here, and went to line 9 before")
    ]


def test_a_chunk_that_cannot_be_had():
    made = ChainCheck("e1", Head.origin(CHAIN), Signers([]))
    made.unreadable(1, "it was changed")
    made.unreadable(5, "it was changed, too", Head(CHAIN, 9, bytes(32)))
    made.end(Head(CHAIN, 10, bytes(32)))
    assert problems(made) == [
        (1, "it was changed"),
        (5, "it was changed, too"),
        (10, "line 10 is missing"),
    ]


def test_roots_of_before_and_after_a_rotation(archive):
    roots = [TestCa.root("other").certificate, archive.server_ca.certificate]
    assert check(archive, roots=roots).problems == []
