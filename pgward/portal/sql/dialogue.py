"""One logged-in connection: a statement at a time, its rows in pages.

A statement goes by the extended protocol, without Sync until all its rows are here or are let go:
so PostgreSQL keeps what a page did not take, and nothing of a result waits in this process (manual,
chapter 54.2.3 "Extended Query"). Outside a transaction block that keeps its transaction open, so
whoever owns a dialogue ends it after a while.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, field
from typing import Final, Self

from pgward.core.errors import PgwardError, UnavailableError
from pgward.pgwire import backend, frontend
from pgward.pgwire.backend import Column
from pgward.pgwire.errors import LoginFailedError
from pgward.pgwire.login_out import LoginOut
from pgward.portal.sql.channel import Link
from pgward.portal.sql.reader import (
    Columns,
    Copying,
    Done,
    Event,
    Notified,
    Reader,
    Ready,
    Room,
    Row,
    Said,
    Suspended,
    Value,
)
from pgward.portal.sql.splitting import Statement

LOGIN_SECONDS: Final = 20.0
MOST_NOTICES: Final = 50
MOST_NOTED: Final = 64 << 10
"""Letters of all notices of one answer."""
_BATCHES: Final = 32  # of events that wait: then the link is not read, and its other end waits
_FATAL: Final = ("FATAL", "PANIC")
_NO_COPY_IN: Final = "a browser has no data to send"
_NO_COPY_OUT: Final = "COPY to the client is not for the browser: select the rows, or use psql"


class EndedError(PgwardError):
    """The connection is there no more; the message says why."""

    code = "unavailable"


@dataclass(slots=True)
class Answer:
    """What came of a statement so far; ``rows`` are those of the page that was read last.

    ``first`` is the number of the first of them. ``more``: there may be others behind them.
    ``error`` and ``notices`` are PostgreSQL's, by the letters of their fields.
    """

    statement: Statement
    columns: tuple[Column, ...] | None = None
    rows: list[tuple[Value, ...]] = field(default_factory=list)
    first: int = 1
    more: bool = False
    tag: str = ""
    seconds: float = 0.0
    error: Mapping[str, str] | None = None
    notices: list[Mapping[str, str]] = field(default_factory=list)
    refused: str = ""
    let_go: str = ""
    _noted: int = 0

    @property
    def last(self) -> int:
        """The number of the last row that is here."""
        return self.first + len(self.rows) - 1

    def note(self, fields: Mapping[str, str]) -> None:
        """Take a notice; of very many or long ones the first are kept."""
        self._noted += sum(map(len, fields.values()))
        if len(self.notices) < MOST_NOTICES and self._noted <= MOST_NOTED:
            self.notices.append(fields)


class Dialogue:
    """A session behind an edge; one statement at a time. ``cancel`` has the edge cancel it.

    ``status`` is what ReadyForQuery said last. ``ended`` says why it is over, once it is.
    """

    def __init__(
        self, link: Link, login: LoginOut, cancel: Callable[[tuple[int, bytes]], Awaitable[None]]
    ) -> None:
        self._link = link
        self._cancel = cancel
        self._key = login.key
        self._reader = Reader(Room(0, 0))
        self._batches: asyncio.Queue[list[Event] | None] = asyncio.Queue(_BATCHES)
        self._events: list[Event] = []
        self._is_asked = False
        self._open: Answer | None = None  # its rows are not all here, and no Sync was sent
        self._broken: Mapping[str, str] | None = None  # what became of that meanwhile
        self.parameters = login.parameters
        self.status = backend.IDLE
        self.ended: PgwardError | None = None
        self._first = login.rest
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(
        cls,
        link: Link,
        parameters: Mapping[str, str],
        cancel: Callable[[tuple[int, bytes]], Awaitable[None]],
    ) -> Self:
        """Log in; raise PgwardError, and close the link then."""
        nonce = secrets.token_urlsafe(18)
        login = LoginOut(parameters, password=None, tls="verified", binding=None, nonce=nonce)
        with ExitStack() as unless_in:  # also when whoever waits for it is gone
            unless_in.callback(link.close)
            try:
                async with asyncio.timeout(LOGIN_SECONDS):
                    await _log_in(link, login)
            except TimeoutError:
                raise UnavailableError("the login at the database takes too long") from None
            except LoginFailedError as error:
                words = error.message.removeprefix("pgward: ")
                raise EndedError(words, hint=error.hint) from error
            unless_in.pop_all()
        return cls(link, login, cancel)

    # --- what is asked ------------------------------------------------------------------

    async def run(self, statement: Statement, *, rows: int, room: Room) -> Answer:
        """Run a statement, and return its answer with so many rows of it; raise EndedError."""
        answer = Answer(statement)
        async with aclosing(self.stream(answer, rows=rows, room=room)) as found:
            async for row in found:
                answer.rows.append(row.values)
        return answer

    async def stream(self, answer: Answer, *, rows: int, room: Room) -> AsyncGenerator[Row, None]:
        """Run the statement of an answer, and yield its rows as they come."""
        await self.finish()
        text = answer.statement.text
        asked = [frontend.parse("", text), frontend.bind("", "")]
        asked += [frontend.describe(frontend.PORTAL), frontend.execute("", rows), frontend.flush()]
        began = time.monotonic()
        try:
            async with aclosing(self._rows(answer, b"".join(asked), rows, room)) as found:
                async for row in found:
                    yield row
            if not answer.more:
                await self._sync(answer)
        finally:
            answer.seconds += time.monotonic() - began

    async def page(self, answer: Answer, *, rows: int, room: Room) -> None:
        """Put the next rows in place of those that are here; raise EndedError."""
        first, found = answer.last + 1, list[tuple[Value, ...]]()
        async with aclosing(self.go_on(answer, rows=rows, room=room)) as coming:
            async for row in coming:
                found.append(row.values)
        answer.first, answer.rows = first, found

    async def go_on(self, answer: Answer, *, rows: int, room: Room) -> AsyncGenerator[Row, None]:
        """Yield the next rows of an answer that has more of them."""
        if self._open is not answer:
            answer.more = False
            return
        if self._broken is None:
            asked = frontend.execute("", rows) + frontend.flush()
            async with aclosing(self._rows(answer, asked, rows, room)) as found:
                async for row in found:
                    yield row
        else:
            answer.error, answer.more = self._broken, False
        if not answer.more:
            await self._sync(answer)

    async def finish(self, why: str = "") -> None:
        """Let go of rows that were not read; raise EndedError."""
        answer = self._open
        if answer is None:
            return
        if self._is_asked:  # whoever asked has left
            async with aclosing(self._coming(answer)) as found:
                async for _ in found:
                    pass
        answer.more, answer.let_go = False, why
        answer.error = answer.error or self._broken
        await self._sync(answer)

    async def cancel(self) -> None:
        """Have what runs be cancelled; raise PgwardError."""
        await self._cancel(self._key)

    async def close(self) -> None:
        """Take leave, and end; safe to call again."""
        if self.ended is None:
            with suppress(PgwardError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._link.send(frontend.terminate())
            self._end(EndedError("the connection was closed"))
        self._listening.cancel()
        self._link.close()
        with suppress(asyncio.CancelledError):
            await self._listening

    # --- what comes ---------------------------------------------------------------------

    async def _rows(
        self, answer: Answer, asked: bytes, most: int, room: Room
    ) -> AsyncGenerator[Row, None]:
        """Ask, and yield rows until there are no more, or as many as were asked for."""
        self._open, answer.more = answer, False
        await self._ask(asked, room)
        count = 0
        async with aclosing(self._coming(answer)) as found:
            async for row in found:
                count += 1
                if count > most:  # whoever answers so would fill our memory
                    self._end(EndedError("the database sends more rows than it was asked for"))
                    raise self.ended or EndedError("the connection has ended")
                yield row

    async def _coming(self, answer: Answer) -> AsyncGenerator[Row, None]:
        while True:
            event = await self._next()
            if isinstance(event, Row):
                yield event
            elif isinstance(event, Columns):
                answer.columns = event.columns
            elif isinstance(event, Suspended):
                answer.more = True
                self._is_asked = False
                return
            elif isinstance(event, Done):
                answer.tag = event.tag
                return
            elif isinstance(event, Copying):
                await self._refuse_copy(answer, event)
            elif self._heard(answer, event):
                return

    async def _sync(self, answer: Answer) -> None:
        """Bring what was asked to its end, where a transaction may yet fail."""
        self._open = self._broken = None
        await self._ask(frontend.sync(), self._reader.room)
        while True:
            event = await self._next()
            if isinstance(event, Ready):
                self.status = event.status
                self._is_asked = False
                return
            self._heard(answer, event)

    async def _ask(self, asked: bytes, room: Room) -> None:
        if self.ended is not None:
            raise self.ended
        self._reader.room = room
        self._is_asked = True
        await self._link.send(asked)

    def _heard(self, answer: Answer, event: Event) -> bool:
        """Take an error or a notice; tell whether the statement has failed."""
        if isinstance(event, Said) and event.is_error:
            answer.error = answer.error or event.fields
            return True
        if isinstance(event, Said):
            answer.note(event.fields)
        elif isinstance(event, Notified):
            answer.note(_as_notice(event))
        return False

    async def _refuse_copy(self, answer: Answer, event: Copying) -> None:
        answer.refused = _NO_COPY_OUT if event.is_out else _NO_COPY_IN
        if event.is_out:
            await self.cancel()  # what comes until then is passed over
        else:
            await self._link.send(frontend.copy_fail(_NO_COPY_IN))

    async def _next(self) -> Event:
        while not self._events:
            batch = await self._batches.get()
            if batch is None:
                self._batches.put_nowait(None)
                raise self.ended or EndedError("the connection has ended")
            batch.reverse()
            self._events = batch
        return self._events.pop()

    async def _listen(self) -> None:
        """Read the link as long as it is there, so that its end is heard of while nothing runs."""
        why: PgwardError = EndedError("the database ended the connection")
        try:
            await self._take(self._reader.feed(self._first))
            while data := await self._link.receive():
                await self._take(self._reader.feed(data))
        except PgwardError as error:
            why = error
        finally:
            self._link.close()
            self._end(why)

    async def _take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Said) and event.fields.get("V") in _FATAL:
                words = event.fields.get("M", "").removeprefix("pgward: ")
                self._end(EndedError(words, hint=event.fields.get("H")))
        if self._is_asked:
            if events:
                await self._batches.put(events)
            return
        for event in events:  # nobody asked
            if isinstance(event, Said) and event.is_error and self._open is not None:
                self._broken = event.fields

    def _end(self, why: PgwardError) -> None:
        """Remember why it is over: the first who said so knows best."""
        if self.ended is None:
            self.ended = why
        if self._batches.full():
            self._batches.get_nowait()
        self._batches.put_nowait(None)


def _as_notice(event: Notified) -> dict[str, str]:
    return {"V": "NOTIFY", "M": f"{event.channel}: {event.payload}"}


async def _log_in(link: Link, login: LoginOut) -> None:
    """Speak for the client until PostgreSQL takes it; raise LoginFailedError."""
    await link.send(login.begin())
    while not login.done:
        data = await link.receive()
        if not data:
            raise login.ended()
        if answer := login.receive(data):
            await link.send(answer)
