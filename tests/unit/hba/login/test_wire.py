import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.login import wire
from pgward.hba.login.wire import BadMessageError, Reader


def test_a_startup_message() -> None:
    made = wire.startup("ann", "shop")
    assert int.from_bytes(made[:4]) == len(made)
    assert made[4:8] == b"\0\3\0\0"
    assert made[8:].startswith(b"user\0ann\0database\0shop\0application_name\0pgward\0")
    assert b"replication\0true\0" in wire.startup("ann", None)
    assert b"database" not in wire.startup("ann", None)


def test_messages_byte_by_byte() -> None:
    reader, found = Reader(), []
    for each in wire.message(b"R", b"\0\0\0\0") + wire.message(b"Z", b"I"):
        reader.feed(bytes([each]))
        if message := reader.next():
            found.append(message)
    assert found == [(b"R", b"\0\0\0\0"), (b"Z", b"I")]


@pytest.mark.parametrize("data", [b"E\0\0\0\3", b"E\x7f\0\0\0", b"HTTP/1.1 400"])
def test_what_is_no_message(data) -> None:
    reader = Reader()
    reader.feed(data)
    with pytest.raises(BadMessageError):
        reader.next()


def test_an_error() -> None:
    body = b"SFATAL\0C28000\0Mno pg_hba.conf entry\0\0"
    assert wire.error(body) == ("28000", "no pg_hba.conf entry")
    assert wire.error(b"") == ("", "")


def test_rows_and_numbers() -> None:
    assert wire.row(b"\0\2\0\0\0\2ab\xff\xff\xff\xff") == ["ab", None]
    assert wire.number(b"\0\0\0\x0arest") == 10
    assert wire.words(b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0") == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256",
    ]
    with pytest.raises(BadMessageError):
        wire.number(b"\0\0")
    assert wire.query("select 1") == b"Q\0\0\0\x0dselect 1\0"
    assert wire.sasl_initial("X", b"abc") == b"p\0\0\0\x0dX\0\0\0\0\3abc"


@given(st.binary(max_size=60))
def test_any_bytes(data) -> None:
    reader = Reader()
    reader.feed(data)
    try:
        while reader.next():
            pass
        wire.row(data)
    except BadMessageError:
        pass
    wire.error(data)
    wire.words(data)
