"""A server's messages, one after the other, over a link with or without TLS."""

from typing import Protocol

from pgward.core.errors import UnavailableError
from pgward.pgwire import framing, startup


class Stream(Protocol):
    """Carries bytes both ways."""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        ...

    def receive(self) -> bytes:
        """Return what came, nothing at the end."""
        ...


def beginning(user: str, database: str | None) -> bytes:
    """Return a startup packet; without a database for physical replication."""
    what = {"replication": "true"} if database is None else {"database": database}
    more = {"application_name": "pgward", "client_encoding": "UTF8"}
    return startup.startup({"user": user, **what, **more})


class Messages:
    """Says and hears whole messages; ``most`` is how long one may be."""

    def __init__(self, stream: Stream, most: int = framing.MOST) -> None:
        self._stream = stream
        self._framer = framing.Framer(most)

    def send(self, data: bytes) -> None:
        """Send a message."""
        self._stream.send(data)

    def next(self) -> tuple[bytes, bytes]:
        """Return the kind and the body of the next; raise UnavailableError, WireError."""
        while (found := self._framer.next()) is None:
            said = self._stream.receive()
            if not said:
                raise UnavailableError("the server closed the connection without an answer")
            self._framer.feed(said)
        return found
