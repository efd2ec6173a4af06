"""One client of a tunnel: its first message, the edge's first answer, then the relay.

A link that waited ready may have ended a moment ago: its edge stops, or a router on the way
forgot it. While the client's first message is all that was said, and nothing came back, the
session begins again on a new link, once, and its client notices nothing.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, Protocol

from pgward.core.errors import PgwardError, UnavailableError
from pgward.tunnel.local.hearing import HearingRelay
from pgward.tunnel.local.holding import Held
from pgward.tunnel.local.opening import repeatable
from pgward.tunnel.local.pool import ReadyLink
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.relay import RECORD_SIZE

log = logging.getLogger("pgward.tunnel")

# Serves every connection of the process: a callback never waits while it uses it.
_answer = bytearray(RECORD_SIZE)


class Owner(Protocol):
    """Gives links, and hears what becomes of a connection."""

    def take(self) -> ReadyLink | None:
        """Return a link that waits ready, if there is one."""
        ...

    async def find(self, *, fresh: bool) -> ReadyLink:
        """Wait for a link, with ``fresh`` one that has just been made; raise PgwardError."""
        ...

    async def hold(self, connection: "LocalConnection") -> None:
        """Wait for what the edge asks of the person; raise PgwardError, ConnectionResetError."""
        ...

    async def turn_away(self, client: socket.socket, error: PgwardError) -> None:
        """Tell a client why it gets no session, and close it."""
        ...

    def leave(self, client: socket.socket) -> None:
        """Close a client once it could read what it was told last."""
        ...

    def ended(
        self, connection: "LocalConnection", *, clean: bool, refusal: RefusedError | None
    ) -> None:
        """Take that a connection is over; with ``clean`` its link can be used again."""
        ...


class LocalConnection:
    """Carries one client's session; ``link`` and ``relay`` are there while they are in use."""

    __slots__ = (
        "_began",
        "_first",
        "_loop",
        "_owner",
        "_repeated",
        "_task",
        "client",
        "held",
        "link",
        "relay",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, client: socket.socket, owner: Owner
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._began = loop.time()
        self._first = b""
        self._repeated = False
        self._task: asyncio.Task[None] | None = None
        self.client = client
        self.held: Held | None = None
        self.link: ReadyLink | None = None
        self.relay: HearingRelay | None = None
        loop.add_reader(client.fileno(), self._on_first)

    @property
    def age(self) -> float:
        """For how many seconds it has been here."""
        return self._loop.time() - self._began

    def close(self) -> None:
        """End at once, and close what is open; ``ended`` is not called."""
        if self.relay is not None:
            self.relay.stop()
            self.relay = None
        self._stop_reading()
        if self._task is not None:
            self._task.cancel()  # it may watch the client just now, and closes it
        else:
            self.client.close()
        if self.link is not None:
            self.link.tls.close()

    # --- first message → link → first answer → relay ------------------------------------

    def _on_first(self) -> None:
        """Take the client's first message: only now is a link wanted."""
        try:
            first = self.client.recv(RECORD_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        if not first:
            self._stop_reading()
            self._end(clean=False)
            return
        self._first = first
        link = self._owner.take()
        if link is not None:
            self._ask(link)
        else:
            self._stop_reading()
            self._begin(self._find(fresh=False))

    async def _find(self, *, fresh: bool) -> None:
        try:
            link = await self._owner.find(fresh=fresh)
        except PgwardError as error:
            await self._turn_away(error)
        else:
            self._task = None
            self._ask(link)

    def _ask(self, link: ReadyLink) -> None:
        """Send the first message, and wait for an answer if it may have to be sent again.

        Here and in the relay a reader takes the place of the one before: to remove a reader
        costs uvloop a handle, and a session some hundredths of a millisecond.
        """
        self.link = link
        if not repeatable(self._first):
            self._relay(outgoing=self._first)
            return
        try:
            link.tls.write(self._first)
        except ssl.SSLWantWriteError:
            self._relay(outgoing=self._first)
        except (ssl.SSLError, OSError):
            self._repeat(_broken())
        else:
            self._loop.add_reader(link.tls.fileno(), self._on_answer, link)
            # Whatever the client says before an answer, it cannot be said again.
            self._loop.add_reader(self.client.fileno(), self._relay)

    def _on_answer(self, link: ReadyLink) -> None:
        try:
            size = link.tls.read_into(RECORD_SIZE, _answer)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._relay()  # a part of a record, or TLS's own business
            return
        except (ssl.SSLError, OSError):
            size = 0
        record = bytes(_answer[:size])
        if not record:
            self._repeat(_broken())
        elif (reason := link.controls.reason(record)) in _MENDED_BY_A_NEW_LINK:
            self._repeat(RefusedError(reason))
        elif reason is Reason.STEP_UP:
            self._leave_link()
            self._begin(self._hold())
        else:
            self._relay(record)

    def _repeat(self, error: PgwardError) -> None:
        """Begin again on a new link; give up when this was the second already."""
        self._leave_link()
        if self._repeated:
            self._begin(self._turn_away(error))
        else:
            self._repeated = True
            log.debug("a session begins again: %s", error.message)
            self._begin(self._find(fresh=True))

    async def _hold(self) -> None:
        """Wait while the person gives a second factor, and begin again."""
        try:
            await self._owner.hold(self)
            link = await self._owner.find(fresh=False)
        except PgwardError as error:
            await self._turn_away(error)
        except ConnectionResetError:
            self._end(clean=False)
        else:
            self._task = None
            self._ask(link)

    def _leave_link(self) -> None:
        self._stop_reading()
        if self.link is not None:
            self.link.tls.close()
            self.link = None

    def _relay(self, first: bytes = b"", outgoing: bytes = b"") -> None:
        """Carry bytes both ways from now on."""
        self._first = b""
        assert self.link is not None  # noqa: S101 - every way here has one
        link = self.link
        self.relay = HearingRelay(self._loop, link.tls, self.client, link.controls, self._on_end)
        self.relay.start(first, outgoing)

    # --- ends -------------------------------------------------------------------------

    def _begin(self, doing: Coroutine[Any, Any, None]) -> None:
        self._task = self._loop.create_task(doing)
        self._task.add_done_callback(self._settled)

    def _settled(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            self.client.close()
        elif (error := task.exception()) is not None:
            log.error("a connection broke", exc_info=error)
            self._end(clean=False)

    async def _turn_away(self, error: PgwardError) -> None:
        await self._owner.turn_away(self.client, error)
        self._end(clean=False)

    def _on_end(self, clean: bool, reason: Reason | None) -> None:
        # When the database ended first, the edge may yet fail to deliver our last bytes to it.
        again = clean and self.relay is not None and self.relay.plain_ended_first
        refusal = None if self.relay is None else self.relay.refusal
        if refusal is None and reason is not None:
            refusal = RefusedError(reason)
        self._end(clean=again, refusal=refusal)

    def _end(self, *, clean: bool, refusal: RefusedError | None = None) -> None:
        """Close what is not handed on: a link that is ``clean`` belongs to the owner now."""
        self.relay = self._task = None
        self._owner.leave(self.client)
        if self.link is not None and not clean:
            self.link.tls.close()
        self._owner.ended(self, clean=clean, refusal=refusal)

    def _stop_reading(self) -> None:
        descriptors = [self.client.fileno()]
        if self.link is not None:
            descriptors.append(self.link.tls.fileno())
        for descriptor in descriptors:
            if descriptor != -1:
                self._loop.remove_reader(descriptor)


# Another edge takes it, or a certificate that is newer than the link's.
_MENDED_BY_A_NEW_LINK = (Reason.STOPPING, Reason.EXPIRED, Reason.REVOKED)


def _broken() -> PgwardError:
    return UnavailableError(
        "the edge ended the connection before the database answered",
        hint="connect again; if it stays so, ask whoever runs the edge",
    )
