"""What somebody has open in a browser: a text, its connection, and what came of it last."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.pgwire import backend
from pgward.portal.sql.channel import Door
from pgward.portal.sql.dialogue import Answer, Dialogue
from pgward.portal.sql.export import Export, line
from pgward.portal.sql.reader import Room
from pgward.portal.sql.splitting import Statement, split

_log = logging.getLogger(__name__)
APPLICATION: Final = "pgward web"
ROWS: Final = 200
"""Rows of a page."""
VALUE: Final = 1_000
"""Bytes of a value that a page shows."""
PAGE: Final = 1 << 20
"""Bytes that an editor keeps of what came last."""
MOST_STATEMENTS: Final = 20
_MOST_VERSION: Final = 40
_PIECES: Final = 4  # of a file that wait: then PostgreSQL is not read, and waits
Pieces: TypeAlias = "asyncio.Queue[str | None]"
Tell: TypeAlias = Callable[[Export], Awaitable[None]]
_IN_TRANSACTION: Final = {
    backend.IDLE: "",
    backend.IN_TRANSACTION: "open",
    backend.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """As which role and to which database somebody wants to connect, and why; empty: as usual."""

    role: str = ""
    database: str = ""
    reason: str = ""

    def parameters(self, person: str) -> dict[str, str]:
        """Return the parameters of the startup message, as libpq would send them."""
        said = {
            "user": self.role or person,
            "application_name": APPLICATION,
            "client_encoding": "UTF8",
        }
        if self.database:
            said["database"] = self.database
        if self.reason:
            said["pgward.reason"] = self.reason
        return said


@dataclass(slots=True, eq=False)
class Editor:
    """One editor; what it does it does in a task, one at a time, and ``used`` is when it last did.

    ``text`` is what the page shows, ``ran`` what was run last. ``held`` is since when rows wait in
    PostgreSQL for somebody to want them, ``writes`` whether a file is made.
    """

    id: str
    door: Door
    wanted: Wanted
    text: str = ""
    ran: str = ""
    answers: list[Answer] = field(default_factory=list)
    problem: PgwardError | None = None
    lost: str = ""
    began: float = 0.0
    used: float = field(default_factory=time.monotonic)
    held: float | None = None
    writes: bool = False
    _dialogue: Dialogue | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def session_id(self) -> str:
        """The login session that it belongs to."""
        return self.door.session.id

    @property
    def person(self) -> str:
        """Whose it is."""
        return self.door.session.user.name

    @property
    def service(self) -> str:
        """Where it leads."""
        return self.door.service

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What it did last, or does now."""
        return self._task

    @property
    def is_busy(self) -> bool:
        """Whether something runs."""
        return self._task is not None and not self._task.done()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._dialogue is not None and self._dialogue.ended is None

    @property
    def transaction(self) -> str:
        """Whether a transaction block is ``open``, or has ``failed``; empty for none."""
        known = self._dialogue is not None and self.is_connected
        return _IN_TRANSACTION[self._dialogue.status] if known and self._dialogue else ""

    @property
    def server(self) -> str:
        """Which PostgreSQL it is connected to, in its own words; empty where that is not known."""
        known = self._dialogue.parameters if self._dialogue is not None else {}
        return known.get("server_version", "")[:_MOST_VERSION]

    @property
    def seconds(self) -> float:
        """For how long something runs."""
        return time.monotonic() - self.began if self.is_busy else 0.0

    def run(
        self,
        text: str,
        *,
        in_transaction: bool = False,
        statements: list[Statement] | None = None,
    ) -> asyncio.Task[None]:
        """Begin to run a text; raise ConflictError, InvalidInputError.

        ``statements`` are those of the text, where they were cut already: that takes a while.
        ``in_transaction`` is what who wrote it believes: without the connection in which that is
        so, nothing is run.
        """
        self._check_free()
        statements = split(text) if statements is None else statements
        if not statements:
            raise InvalidInputError("there is no statement to run", hint="write one, and run it")
        if len(statements) > MOST_STATEMENTS:
            raise InvalidInputError(
                f"these are {len(statements)} statements, and {MOST_STATEMENTS} may run at once"
            )
        self.note_end()
        if in_transaction and not self.is_connected:
            raise ConflictError(
                "the connection is there no more, nor is its transaction: nothing was run",
                hint=f"{self.lost or 'it has ended'}; run the transaction from its beginning",
            )
        self.text = self.ran = text
        self.answers = []
        return self._begin(partial(self._run, statements))

    def page(self) -> asyncio.Task[None]:
        """Begin to read the next rows of the last answer; raise ConflictError."""
        self._check_free()
        return self._begin(self._page)

    def export(
        self, text: str, tell: Tell, statements: list[Statement] | None = None
    ) -> "asyncio.Queue[str | None]":
        """Begin to run one statement into a file, whose pieces come in the queue; None ends it.

        ``tell`` puts it on record in the end. Raises ConflictError, InvalidInputError.
        """
        self._check_free()
        statements = split(text) if statements is None else statements
        if len(statements) != 1:
            raise InvalidInputError("one statement makes a file", hint="leave the others out")
        self.note_end()
        self.text = self.ran = text
        self.answers = []
        pieces: asyncio.Queue[str | None] = asyncio.Queue(_PIECES)
        self._begin(partial(self._export, Export.of(statements[0]), pieces, tell))
        self.writes = True
        return pieces

    async def next_piece(self, pieces: Pieces) -> str | None:
        """Wait for a piece of a file; None is its end."""
        task = self._task
        if task is None:
            return None if pieces.empty() else pieces.get_nowait()
        getting = asyncio.ensure_future(pieces.get())
        await asyncio.wait({getting, task}, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        getting.cancel()
        return None if pieces.empty() else pieces.get_nowait()

    def abandon(self) -> None:
        """Take that nobody reads the file any more."""
        if self.is_busy and self._task is not None:
            self._task.cancel()

    async def cancel(self) -> None:
        """Have what runs be cancelled; raise PgwardError."""
        self.used = time.monotonic()
        if not self.is_busy:
            return
        if self._dialogue is None:
            assert self._task is not None  # noqa: S101 - it is busy
            self._task.cancel()  # it is on its way to the database yet
        else:
            await self._dialogue.cancel()

    def let_go(self, why: str) -> None:
        """Let go of rows that nobody has asked for."""
        if not self.is_busy and self._dialogue is not None and self.held is not None:
            self._begin(partial(self._dialogue.finish, why), counts=False)

    async def disconnect(self, why: str) -> None:
        """End the connection, and remember why; the text and the answers stay."""
        task, dialogue = self._task, self._dialogue
        self._task = self._dialogue = self.held = None
        self.lost = why
        if task is not None:
            task.cancel()
        if dialogue is not None:
            for each in self.answers:
                each.more = False
            await dialogue.close()

    # --- what runs in the task ----------------------------------------------------------

    def _check_free(self) -> None:
        if self.is_busy:
            raise ConflictError("a statement runs already", hint="wait for it, or cancel it")

    def note_end(self) -> None:
        """Take that the connection has ended meanwhile, if it has."""
        if self._dialogue is not None and self._dialogue.ended is not None:
            self.lost = self._dialogue.ended.message
            self._dialogue = self.held = None
            for each in self.answers:
                each.more = False

    def _begin(
        self, doing: Callable[[], Awaitable[None]], *, counts: bool = True
    ) -> asyncio.Task[None]:
        if counts:
            self.used = time.monotonic()
        self.began, self.problem, self.held = time.monotonic(), None, None
        self.writes = False
        self._task = asyncio.create_task(self._doing(doing))
        return self._task

    async def _doing(self, doing: Callable[[], Awaitable[None]]) -> None:
        try:
            await doing()
        except PgwardError as error:
            self.problem = error
        except asyncio.CancelledError:
            if self._dialogue is None:
                self.problem = ConflictError("it was cancelled before it began")
            raise
        except Exception:  # noqa: BLE001 - a task: nobody else would hear of it
            _log.exception("an editor broke")
            self.problem = PgwardError("this failed", hint="tell an administrator")
        finally:
            if self._dialogue is not None and self._dialogue.ended is not None:
                self.problem = self.problem or self._dialogue.ended
            self.note_end()
            waits = self.is_connected and bool(self.answers) and self.answers[-1].more
            self.held = time.monotonic() if waits else None

    async def _connected(self) -> Dialogue:
        if self._dialogue is None:
            link = await self.door.open()
            parameters = self.wanted.parameters(self.person)
            self._dialogue = await Dialogue.open(link, parameters, self.door.cancel)
        return self._dialogue

    async def _run(self, statements: list[Statement]) -> None:
        was_lost = self.lost
        dialogue = await self._connected()
        self.lost = ""
        if was_lost:
            self.lost = f"this is a new connection: {was_lost}"
        room = Room(VALUE, PAGE)
        for number, each in enumerate(statements, 1):
            answer = Answer(each)
            self.answers.append(answer)
            async with aclosing(dialogue.stream(answer, rows=ROWS, room=room)) as found:
                async for row in found:
                    answer.rows.append(row.values)
            if answer.error is not None:
                return
            if answer.more and number < len(statements):
                await dialogue.finish("run it alone to see the rows behind these")

    async def _export(self, export: Export, pieces: Pieces, tell: Tell) -> None:
        is_broken_off = False
        try:
            try:
                async with aclosing(export.lines(await self._connected())) as found:
                    async for each in found:
                        await pieces.put(each)
            except ConflictError:
                self.answers = [export.answer]
            except asyncio.CancelledError:
                is_broken_off, export.cut = True, "it was broken off"
            await self._after(export)
        finally:
            await tell(export)
            if is_broken_off:
                _squeeze(pieces, line([f"cut off: {export.cut}"]), None)
            else:
                await pieces.put(None)

    async def _after(self, export: Export) -> None:
        """Have the connection ready for the next statement."""
        dialogue = self._dialogue
        if dialogue is None or dialogue.ended is not None:
            return
        if export.cut:
            await dialogue.cancel()
        await dialogue.finish()

    async def _page(self) -> None:
        if not self.answers or not self.answers[-1].more or self._dialogue is None:
            raise ConflictError("there are no more rows of it", hint="run it again")
        await self._dialogue.page(self.answers[-1], rows=ROWS, room=Room(VALUE, PAGE))


def _squeeze(pieces: Pieces, *last: str | None) -> None:
    """Put the last pieces of what is not whole in place of others: perhaps nobody reads them."""
    while pieces.qsize() > _PIECES - len(last):
        pieces.get_nowait()
    for each in last:
        pieces.put_nowait(each)
