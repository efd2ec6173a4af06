"""A server's messages, one after the other, over a link with or without TLS."""

from typing import Protocol

from pgward.core.errors import UnavailableError
from pgward.hba.login import wire


class Stream(Protocol):
    """Carries bytes both ways."""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        ...

    def receive(self) -> bytes:
        """Return what came, nothing at the end."""
        ...


class Messages:
    """Says and hears whole messages; ``most`` is how long one may be."""

    def __init__(self, stream: Stream, most: int = wire.MOST_ANSWER) -> None:
        self._stream = stream
        self._reader = wire.Reader(most)

    def send(self, data: bytes) -> None:
        """Send a message."""
        self._stream.send(data)

    def next(self) -> tuple[bytes, bytes]:
        """Return the kind and the body of the next; raise UnavailableError, BadMessageError."""
        while (found := self._reader.next()) is None:
            said = self._stream.receive()
            if not said:
                raise UnavailableError("the server closed the connection without an answer")
            self._reader.feed(said)
        return found
