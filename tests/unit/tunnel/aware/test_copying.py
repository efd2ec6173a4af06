"""COPY data as text: what is skipped, and where nothing may be."""

import pytest

from pgward.pgwire.framing import message
from pgward.tunnel.aware.copying import CopyOut

ROW = b"some text that makes a row as long as rows are\n"
ROWS = message(b"d", ROW) * 100


def test_the_last_row_is_found():
    copy = CopyOut()
    assert copy.ahead(memoryview(ROWS), 0) == len(message(b"d", ROW)) * 99
    copy.walked(1)
    assert copy.finished(b"COPY 100") == (99, 99 * len(ROW))


def test_a_row_that_is_cut_off_is_the_last():
    assert CopyOut().ahead(memoryview(ROWS[:-20]), 0) == len(message(b"d", ROW)) * 99


def test_little_is_not_worth_it():
    assert CopyOut().ahead(memoryview(ROWS[:300]), 0) == 0


def test_a_row_that_ends_with_d_may_be_a_header():
    odd = message(b"d", ROW[:-2] + b"d\n")
    data = ROWS + odd + message(b"d", ROW)
    assert CopyOut().ahead(memoryview(data), 0) == len(ROWS)


@pytest.mark.parametrize(
    "between",
    [
        message(b"c") + message(b"C", b"COPY 100\0") + message(b"Z", b"I"),
        message(b"E", b"SERROR\0\0") + message(b"Z", b"I"),
    ],
)
def test_nothing_is_skipped_over_an_end(between):
    data = ROWS + between + message(b"H", b"\0\0\1\0\0") + ROWS
    assert CopyOut().ahead(memoryview(data), 0) == 0


def test_rows_of_260_bytes_hold_the_mark_in_their_length():
    data = message(b"d", b"x" * 255 + b"\n") * 50 + message(b"d", b"x" * 256 + b"\n") * 50
    assert CopyOut().ahead(memoryview(data), 0) == len(data) - 262


@pytest.mark.parametrize("tag", [b"", b"SELECT", b"COPY x"])
def test_without_a_number_only_bytes_are_known(tag):
    copy = CopyOut()
    copy.ahead(memoryview(ROWS), 0)
    assert copy.finished(tag) == (0, 99 * len(message(b"d", ROW)))
