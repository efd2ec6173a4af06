import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer, message

KINDS = st.binary(min_size=1, max_size=1)
MESSAGES = st.lists(st.tuples(KINDS, st.binary(max_size=50)), max_size=10)


def taken(framer: Framer) -> list[tuple[bytes, bytes]]:
    return list(iter(framer.next, None))


def test_messages_and_what_follows() -> None:
    framer = Framer()
    framer.feed(message(b"R", b"\0\0\0\0") + message(b"S") + b"Z\0\0\0\5")
    assert taken(framer) == [(b"R", b"\0\0\0\0"), (b"S", b"")]
    assert framer.rest() == b"Z\0\0\0\5"
    assert framer.rest() == b""


@pytest.mark.parametrize("data", [b"E\0\0\0\3", b"E\x7f\0\0\0", b"HTTP/1.1 400", b"E\0\1\0\1"])
def test_what_is_no_message_is_refused_by_its_length(data) -> None:
    framer = Framer()
    framer.feed(data)
    with pytest.raises(WireError, match="no PostgreSQL message"):
        framer.next()


def test_how_long_a_message_may_be() -> None:
    framer = Framer(most=10)
    framer.feed(message(b"D", b"123456"))
    assert framer.next() == (b"D", b"123456")
    framer.feed(message(b"D", b"1234567")[:5])
    with pytest.raises(WireError, match="more than 10 bytes"):
        framer.next()


@given(MESSAGES, st.lists(st.integers(1, 9)))
def test_pieces_make_the_same_messages(messages, sizes) -> None:
    data = b"".join(message(*each) for each in messages)
    framer, found = Framer(), []
    for size in sizes:
        framer.feed(data[:size])
        data = data[size:]
        found += taken(framer)
    framer.feed(data)
    assert found + taken(framer) == messages
    assert framer.rest() == b""


@given(st.binary(max_size=60))
def test_garbage_byte_by_byte_is_as_garbage_at_once(data) -> None:
    def heard(pieces) -> tuple[list[tuple[bytes, bytes]], bool]:
        framer, found = Framer(most=40), []
        try:
            for piece in pieces:
                framer.feed(piece)
                while (each := framer.next()) is not None:
                    found.append(each)
        except WireError:
            return found, True
        return found, False

    assert heard([data]) == heard([bytes([each]) for each in data])
