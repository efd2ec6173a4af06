import pytest

from pgward.core.errors import UnavailableError
from pgward.hba.login.messages import Messages, beginning
from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message


class Pieces:
    """A stream that has these pieces to read."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def test_messages_in_pieces() -> None:
    stream = Pieces(b"E\0\0", b"\0\x0bC28", b"000\0Z\0\0\0\x05I")
    messages = Messages(stream)
    assert [messages.next(), messages.next()] == [(b"E", b"C28000\0"), (b"Z", b"I")]
    messages.send(b"x")
    assert stream.sent == [b"x"]


def test_an_end_in_the_middle() -> None:
    with pytest.raises(UnavailableError, match="closed the connection without an answer"):
        Messages(Pieces(b"E\0\0\0\x09ab")).next()


def test_what_is_too_long() -> None:
    with pytest.raises(WireError):
        Messages(Pieces(message(b"D", b"x" * 100)), most=50).next()


def test_how_a_session_begins() -> None:
    more = {"application_name": "pgward", "client_encoding": "UTF8"}
    made = startup.read(beginning("ann", "shop"))
    assert made.parameters == {"user": "ann", "database": "shop", **more}
    made = startup.read(beginning("ann", None))
    assert made.parameters == {"user": "ann", "replication": "true", **more}
