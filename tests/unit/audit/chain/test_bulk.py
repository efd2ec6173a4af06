import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain import bulk
from pgward.audit.chain.lines import Head
from tests.fixtures.records import CHAIN, chained, record

ORIGIN = Head.origin(CHAIN)
LINES, END = chained([record(number) for number in range(1, 13)])


def test_whole_chains_and_parts_of_them_lead_to_their_end():
    assert bulk.end_of(LINES, 0, ORIGIN.hash) == END.hash
    middle = bulk.end_of(LINES[:4], 0, ORIGIN.hash)
    assert bulk.end_of(LINES[4:], 4, middle) == END.hash
    assert bulk.end_of([], 4, middle) == middle


@pytest.mark.parametrize("first", [8, 9, 10, 98, 99, 995, 999_999_999])
def test_numbers_get_longer(first):
    start = Head(CHAIN, first - 1, b"x" * 32)
    lines, end = chained([record(1)] * 120, start)
    assert bulk.end_of(lines, first - 1, start.hash) == end.hash
    assert bulk.end_of(lines, first, start.hash) is None


@given(st.integers(0, len(b"\n".join(LINES)) - 1), st.integers(1, 255))
def test_one_changed_byte_anywhere_is_seen(place, change):
    text = bytearray(b"\n".join(LINES))
    text[place] ^= change
    assert bulk.end_of(bytes(text).split(b"\n"), 0, ORIGIN.hash) is None


@given(st.integers(0, len(LINES) - 1), st.integers(0, 60), st.integers(0, 60))
def test_bytes_that_moved_to_the_line_before_are_seen(number, tail, front):
    """Ends and beginnings are compared as one text, in which they must not stand in for another."""
    lines = [*LINES]
    lines[number] = lines[number][front : len(lines[number]) - tail]
    expected = END.hash if front == tail == 0 else None
    assert bulk.end_of(lines, 0, ORIGIN.hash) == expected


@pytest.mark.parametrize("line", [b"", b"{}", b"x" * 400, b'{"seq":1,"hash":"' + b"A" * 43 + b'"}'])
def test_what_is_no_line(line):
    assert bulk.end_of([line], 0, ORIGIN.hash) is None
