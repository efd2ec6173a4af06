import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import backend
from pgward.pgwire.backend import Column
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.portal.sql.reader import (
    MOST_TEXT,
    NULL,
    UNKEPT,
    Columns,
    Copying,
    Done,
    Notified,
    Reader,
    Ready,
    Room,
    Row,
    Said,
    Suspended,
    Value,
)

ALL = (
    message(backend.PARSE_COMPLETE)
    + message(backend.BIND_COMPLETE)
    + backend.parameter_status("TimeZone", "UTC")
    + backend.row_description([Column("a", 23), Column("b")])
    + backend.data_row([b"1", None])
    + backend.data_row([b"", b"two"])
    + backend.notice("NOTICE", "00000", "mind this")
    + message(backend.PORTAL_SUSPENDED)
    + backend.command_complete("SELECT 2")
    + message(backend.EMPTY_QUERY)
    + backend.notification(7, "news", "tea")
    + backend.copy_response(backend.COPY_IN, 0, [0])
    + backend.copy_response(backend.COPY_OUT, 0, [0])
    + message(backend.COPY_DATA, b"x" * 100)
    + message(backend.COPY_DONE)
    + backend.error("ERROR", "42601", "no", position=3)
    + backend.ready(backend.FAILED)
)
EVENTS = [
    Columns((Column("a", 23), Column("b"))),
    Row((Value(b"1", 1), NULL)),
    Row((Value(b"", 0), Value(b"two", 3))),
    Said(is_error=False, fields={"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "mind this"}),
    Suspended(),
    Done("SELECT 2"),
    Done(),
    Notified("news", "tea"),
    Copying(is_out=False),
    Copying(is_out=True),
    Said(
        is_error=True,
        fields={"S": "ERROR", "V": "ERROR", "C": "42601", "M": "no", "P": "3"},
    ),
    Ready(backend.FAILED),
]


def room(each: int = 1000, left: int = 100_000) -> Room:
    return Room(each, left)


def read(data: bytes, size: int, given: Room | None = None) -> list[object]:
    reader = Reader(given or room())
    found: list[object] = []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(ALL)])
def test_answers_are_read_however_they_come(size):
    assert read(ALL, size) == EVENTS


@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), max_size=6), st.integers(1, 50))
def test_rows_are_read_the_same_in_one_piece_and_in_many(values, size):
    (row,) = read(backend.data_row(values), size)
    assert row == Row(tuple(NULL if v is None else Value(v, len(v)) for v in values))


@pytest.mark.parametrize("size", [5, 1 << 20])
def test_of_a_large_value_the_beginning_is_kept(size):
    data = backend.data_row([b"x" * 50_000, b"behind"])
    (row,) = read(data, size, room(each=10))
    assert row.values == (Value(b"x" * 10, 50_000), Value(b"behind", 6))
    assert [each.is_cut for each in row.values] == [True, False]


@pytest.mark.parametrize("size", [3, 1 << 20])
def test_when_there_is_no_room_left_nothing_is_kept(size):
    found = read(backend.data_row([b"abc", None]) * 5, size, room(left=200))
    kept = [row for row in found if row.values[0] is not UNKEPT]
    assert len(found) == 5
    assert 1 <= len(kept) <= 3
    assert UNKEPT.is_cut


def test_of_a_large_error_the_beginning_is_kept():
    data = backend.error("ERROR", "P0001", "x" * 1_000_000)
    (said,) = read(data, 4096)
    assert said.fields["C"] == "P0001"
    assert MOST_TEXT - 100 < len(said.fields["M"]) < MOST_TEXT


@pytest.mark.parametrize(
    "data",
    [
        b"Z\0\0\0\x03",
        message(b"?", b"what"),
        message(b"C", b"x" * (1 << 20) + b"\0"),
        message(backend.DATA_ROW, b"\0"),
        message(backend.DATA_ROW, b"\0\x01\0\0\x10\0abc"),
        message(backend.DATA_ROW, b"\0\x01\xff\xff\xff\xfe"),
        message(backend.DATA_ROW, b"\0\x00abc"),
        message(backend.READY, b"Q"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 21])
def test_what_is_no_answer_is_refused(data, size):
    with pytest.raises(WireError):
        read(data, max(size, len(data) // 50), room(each=2 if size == 1 else 1000))


@given(st.binary(max_size=300))
def test_whatever_comes(data):
    reader = Reader(room())
    try:
        reader.feed(data)
    except WireError:
        return
