import socket
import threading

import pytest

from pgward.core.errors import UnavailableError
from pgward.hba import probe
from pgward.hba.probe import Answer


@pytest.fixture
def answering():
    """Start a server that answers its one connection with some bytes; gives its port."""
    listeners = []

    def start(answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(8)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        listeners.append((listener, thread))
        return listener.getsockname()[1]

    yield start
    for listener, thread in listeners:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("answer", [b"N", b"", b"Sgarbage that is no TLS at all"])
def test_a_server_without_tls(answering, answer) -> None:
    with pytest.raises(UnavailableError):
        probe.presented("127.0.0.1", answering(answer))


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            probe.presented("127.0.0.1", unused.getsockname()[1])


class Bytes:
    """A connection that has these bytes to read."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def recv(self, count: int) -> bytes:
        taken, self.data = self.data[: min(count, 3)], self.data[min(count, 3) :]
        return taken


def test_a_message_in_pieces() -> None:
    assert probe._message(Bytes(b"E\0\0\0\x0bC28000\0")) == (b"E", b"C28000\0")


@pytest.mark.parametrize("data", [b"", b"E\0\0", b"E\0\0\0\x03", b"E\x7f\0\0\0", b"E\0\0\0\x09ab"])
def test_what_is_no_message(data) -> None:
    with pytest.raises(UnavailableError):
        probe._message(Bytes(data))


def test_only_the_refusal_is_one() -> None:
    assert Answer("28000", "x").refused
    assert not Answer("3D000", "x").refused
    assert not Answer(None, "x").refused
