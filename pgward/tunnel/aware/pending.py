"""What the two inspectors of a session share."""

from collections.abc import Callable
from typing import Protocol

from pgward.audit.tape.frames import NOTE
from pgward.pgwire.exchange import Exchange
from pgward.tunnel.aware.denials import Denials
from pgward.tunnel.aware.ruling import Ruling

Data = bytes | bytearray | memoryview


class Tape(Protocol):
    """Keeps what is said; see ``pgward.audit.tape``."""

    def append(self, kind: int, session: int, data: Data, /) -> None:
        """Put one frame on tape; raise TapeFullError if there is no room."""
        ...


class Pending:
    """What is awaited in a session: exchanges, errors of denied statements, a secret's end.

    ``session`` is the number of the session on tape, ``salt`` letters and digits that no client
    can guess. ``marked``: there is more than exchanges to look at when answers end.
    """

    __slots__ = ("append", "denials", "exchange", "marked", "ruling", "sensitive", "session")

    def __init__(self, tape: Tape, session: int, salt: str, ruling: Ruling | None = None) -> None:
        self.append: Callable[[int, int, Data], None] = tape.append
        self.session = session
        self.exchange = Exchange()
        self.denials = Denials(salt)
        self.ruling = ruling
        self.sensitive = False
        self.marked = False

    def hide(self) -> None:
        """Keep what PostgreSQL says off the tape until all is answered: it may quote a secret."""
        if not self.sensitive:
            self.append(NOTE, self.session, b'{"sensitive":true}')
        self.sensitive = self.marked = True

    def settle(self) -> None:
        """Take that all is answered."""
        self.denials.clear()
        self.sensitive = self.marked = False
