"""What the two inspectors of a session share."""

from collections.abc import Callable
from typing import Protocol

from pgward.audit.tape.frames import NOTE
from pgward.pgwire.exchange import Exchange
from pgward.tunnel.aware.denials import Denials
from pgward.tunnel.aware.ruling import Ruling
from pgward.tunnel.aware.shapes import Shapes

_SHAPES = Shapes()

Data = bytes | bytearray | memoryview
AppendData = Callable[[bytes | bytearray], None]


class Tape(Protocol):
    """Keeps what is said; see ``pgward.audit.tape``."""

    def append(self, kind: int, session: int, data: Data, /) -> None:
        """Put one frame on tape; raise TapeFullError if there is no room."""
        ...

    def appender(self, kind: int, session: int, /) -> AppendData:
        """Return ``append`` for frames of one kind and session."""
        ...


class Pending:
    """What is awaited in a session: exchanges, errors of denied statements, a secret's end.

    ``session`` is the number of the session on tape, ``salt`` letters and digits that no client
    can guess. ``marked``: there is more than exchanges to look at when answers end. ``answers``:
    how often something came to its end.

    What the client says may pass without a closer look if it is plain (``may_say``), and so may
    an answer (``may_answer``), as long as neither inspector is in the middle of something:
    ``simple`` and ``clean`` tell so, and each calls ``look`` when it has read.
    """

    __slots__ = (
        "answers",
        "append",
        "appender",
        "clean",
        "denials",
        "exchange",
        "marked",
        "may_answer",
        "may_say",
        "ruling",
        "sensitive",
        "session",
        "shapes",
        "simple",
    )

    def __init__(
        self,
        tape: Tape,
        session: int,
        salt: str,
        ruling: Ruling | None = None,
        shapes: Shapes = _SHAPES,
    ) -> None:
        self.append: Callable[[int, int, Data], None] = tape.append
        self.appender: Callable[[int], AppendData] = lambda kind: tape.appender(kind, session)
        self.session = session
        self.exchange = Exchange()
        self.denials = Denials(salt)
        self.ruling = ruling
        self.shapes = shapes
        self.answers = 0
        self.sensitive = False
        self.marked = False
        self.simple = self.clean = False
        self.may_say = self.may_answer = False

    def look(self) -> None:
        """See what may pass from now on."""
        exchange = self.exchange
        heard = not exchange.deaf
        self.may_say = self.simple and heard
        self.may_answer = self.clean and heard and exchange.at_ready and not self.marked

    def hide(self) -> None:
        """Keep what PostgreSQL says off the tape until all is answered: it may quote a secret."""
        if not self.sensitive:
            self.append(NOTE, self.session, b'{"sensitive":true}')
        self.sensitive = self.marked = True

    def settle(self) -> None:
        """Take that all is answered."""
        self.denials.clear()
        self.sensitive = self.marked = False
