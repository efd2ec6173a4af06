import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain.blocks import Chain
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import ChainBrokenError, record_of, verify
from tests.fixtures.records import CHAIN, chained, record

ORIGIN = Head.origin(CHAIN)
RECORDS = [record(number) for number in range(1, 8)]
LINES, END = chained(RECORDS, block=1)
BLOCKS, BLOCKS_END = chained(RECORDS, block=3)  # 1 to 3, 4 to 6, 7


def broken(lines, end=END, start=ORIGIN):
    with pytest.raises(ChainBrokenError) as caught:
        verify(lines, start, end)
    return caught.value.seq, caught.value.message


@pytest.mark.parametrize(("lines", "end"), [(LINES, END), (BLOCKS, BLOCKS_END)])
def test_whole_chains_and_parts_of_them_verify(lines, end):
    assert verify(lines, ORIGIN) == verify(lines, ORIGIN, end) == end
    middle = verify(lines[:3], ORIGIN)
    assert (middle.seq, verify(lines[3:], middle, end)) == (3, end)
    assert verify([], middle, middle) == middle


@given(st.integers(0), st.integers(1, 255), st.booleans())
def test_one_changed_byte_anywhere_is_found_with_its_block(place, change, is_alone):
    lines, end, size = (LINES, END, 1) if is_alone else (BLOCKS, BLOCKS_END, 3)
    text = bytearray(b"\n".join(lines))
    place %= len(text)
    number = text[:place].count(b"\n") + 1
    if text[place] == ord("\n") or text[place] ^ change == ord("\n"):
        return  # it makes other lines, which is the next tests' matter
    text[place] ^= change
    seq, message = broken(bytes(text).split(b"\n"), end)
    first = number - (number - 1) % size
    assert first <= seq <= number
    assert "was changed" in message or "is missing" in message or "belongs" in message


def test_a_changed_block_is_named():
    lines = [*BLOCKS]
    lines[4] = lines[4].replace(b"alice", b"mallo")
    why = "one of lines 4 to 6 was changed, or they do not follow the one before"
    assert broken(lines, BLOCKS_END) == (4, why)


@pytest.mark.parametrize(("lines", "end"), [(LINES, END), (BLOCKS, BLOCKS_END)])
def test_a_changed_number_is_a_changed_line(lines, end):
    changed = [*lines]
    changed[2] = lines[2].replace(b'{"seq":3,', b'{"seq":5,')
    why = (3, "line 3 was changed, or does not follow the one before")
    assert broken(changed, end) == why
    changed[2] = lines[2].replace(b'{"seq":3,', b'{"seq":three,')
    assert broken(changed, end) == why


@pytest.mark.parametrize(("lines", "end"), [(LINES, END), (BLOCKS, BLOCKS_END)])
def test_a_missing_line_is_named(lines, end):
    assert broken(lines[:2] + lines[3:], end) == (3, "line 3 is missing: line 4 stands there")
    assert broken(lines[:4] + lines[5:], end) == (5, "line 5 is missing: line 6 stands there")
    assert broken(lines[1:], end) == (1, "line 1 is missing: line 2 stands there")
    assert broken(lines[:5], end) == (6, "line 6 is missing, and all up to 7")
    assert broken([], end) == (1, "line 1 is missing, and all up to 7")


@pytest.mark.parametrize(("lines", "end"), [(LINES, END), (BLOCKS, BLOCKS_END)])
def test_an_added_line_is_named(lines, end):
    twice = [*lines[:4], lines[3], *lines[4:]]
    assert broken(twice, end) == (5, "line 4 stands where line 5 belongs")
    more, _ = chained([record(8)], end)
    assert broken(lines + more, end) == (8, "line 8 was added")
    forged = json.dumps({"seq": 3, "text": "forged", "hash": "A" * 43}).encode()
    assert broken([*lines[:2], forged, *lines[2:]], end)[0] in (1, 3)
    assert broken([*lines, b'{"seq":8,"text":"forged"}'], end) == (8, "line 8 was added")


def test_a_moved_line_is_named():
    lines = [LINES[0], LINES[2], LINES[1], *LINES[3:]]
    assert broken(lines) == (2, "line 2 is missing: line 3 stands there")
    lines = [*BLOCKS[:3], BLOCKS[4], BLOCKS[3], *BLOCKS[5:]]
    assert broken(lines, BLOCKS_END) == (4, "line 4 is missing: line 5 stands there")


def test_lines_without_a_hash_behind_them_prove_nothing():
    why = "has no hash: it was changed, or lines behind it are missing"
    assert broken(BLOCKS[:5], None) == (4, f"line 5 {why}")
    assert broken([*BLOCKS[:6], b'{"seq":7,"x":1}'], BLOCKS_END) == (7, f"line 7 {why}")


def test_a_line_of_another_chain_does_not_follow():
    other, other_end = chained([record(1)], Head.origin("ff" * 8))
    assert broken(other)[0] == 1
    assert broken(LINES, other_end) == (7, "the lines are of another chain")


def test_an_end_that_was_not_reached_is_found():
    assert broken(LINES, Head(CHAIN, 7, bytes(32))) == (7, "line 7 is not the one that was signed")


@pytest.mark.parametrize("line", [b"", b"{}", b"x" * 400, b'{"seq":1,"hash":"' + b"A" * 43 + b'"}'])
def test_what_is_no_line_is_a_changed_one(line):
    assert broken([line])[0] in (1, 2)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), min_size=1))
def test_every_text_can_be_chained(fields):
    lines, end = chained([{"x": 1} | fields, {"text": "\ud800", "ü": "ü"}])
    assert verify(lines, ORIGIN, end) == end
    if not fields.keys() & {"seq", "hash"}:
        assert json.loads(lines[0]) == {"seq": 1, "x": 1, **fields}


def test_the_record_of_a_line_can_be_chained_again():
    other = Chain(Head.origin("ff" * 8))
    again = other.block([record_of(line) for line in BLOCKS]).splitlines()
    assert verify(again, Head.origin("ff" * 8)) == other.head
    assert [json.loads(record_of(line)) for line in BLOCKS] == RECORDS
    for bad in (b"", b'{"seq":1,', b'{"seq":1,}', b'{"a":1}'):
        with pytest.raises(ValueError, match="no line"):
            record_of(bad)
