"""Clients that wait until their person has given a fresh second factor.

The edge refused them. One question to the CA stands for all of them, and is answered as soon as
there is a proof; then each asks the edge again, which hears of proofs at the same moment, or a
little later. Nobody waits for ever, and not too many at once.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pgward.core.errors import PgwardError
from pgward.tunnel.preface import Reason, RefusedError

log = logging.getLogger("pgward.tunnel")

HOLD_SECONDS = 60.0
MOST_HELD = 64
# How long the CA keeps a question that it cannot answer yet.
ASK_SECONDS = 20.0
# The same person is not told again within this time, unless something was proved meanwhile.
TELL_SECONDS = 60.0
# An edge that refuses though there is a proof has not heard of it yet.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0


@dataclass(slots=True)
class Held:
    """One client's wait, from its first refusal on."""

    until: float
    refusals: int = 0
    proved: bool = False


@dataclass(slots=True, eq=False)
class Holding:
    """Holds the clients of one tunnel.

    ``ask`` tells whether there is a proof, waiting for one up to so many seconds; it blocks.
    ``tell`` gets a message and a hint for the person.
    """

    loop: asyncio.AbstractEventLoop
    service: Callable[[], str]
    ask: Callable[[float], bool]
    tell: Callable[[str, str], None]
    _waiting: int = 0
    _question: "asyncio.Task[bool] | None" = None
    _unproved: bool = False
    _tell_at: float = field(default=float("-inf"))

    def begin(self) -> Held:
        """Return the wait of a client that was refused for the first time."""
        return Held(self.loop.time() + HOLD_SECONDS)

    async def wait(self, client: socket.socket, held: Held) -> None:
        """Return when the edge may be asked again; raise why that is no use.

        Raises RefusedError, what the CA says, and ConnectionResetError when the client left.
        """
        left = held.until - self.loop.time()
        if self._waiting >= MOST_HELD or left <= 0:
            raise self._refusal(held)
        held.refusals += 1
        self._waiting += 1
        gone: asyncio.Future[bool] = self.loop.create_future()
        self.loop.add_reader(client.fileno(), self._look, client, gone)
        proving = self.loop.create_task(self._proved(held))
        try:
            first: set[asyncio.Future[Any]] = {gone, proving}
            await asyncio.wait(first, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if proving.done():
                proving.result()
            elif gone.done():
                raise ConnectionResetError("the client left while it waited")
            else:
                raise self._refusal(held)
        finally:
            self._waiting -= 1
            self.loop.remove_reader(client.fileno())
            proving.cancel()

    def close(self) -> None:
        """Ask nothing any more."""
        if self._question is not None:
            self._question.cancel()

    async def _proved(self, held: Held) -> None:
        while not await asyncio.shield(self._asking()):
            continue
        if held.proved:  # the edge refused all the same
            pause = _FIRST_PAUSE * 2.0 ** min(held.refusals, 10)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))
        held.proved = True

    def _asking(self) -> "asyncio.Task[bool]":
        """Return the one question that is under way; the person is told what it waits for."""
        if self._question is None or self._question.done():
            self._unproved = False
            self._question = self.loop.create_task(self._until_proved())
            self._question.add_done_callback(_heard)
        elif self._unproved:
            self._tell()
        return self._question

    async def _until_proved(self) -> bool:
        """Ask until there is a proof (True) or nobody waits for one any more."""
        wait = 0.0
        while not await _in_thread(self.loop, partial(self.ask, wait)):
            if not self._waiting:
                return False
            self._unproved, wait = True, ASK_SECONDS
            self._tell()
        self._tell_at = float("-inf")
        return True

    def _tell(self) -> None:
        now = self.loop.time()
        if now >= self._tell_at:
            self._tell_at = now + TELL_SECONDS
            self.tell(*_words(self.service()))

    def _look(self, client: socket.socket, gone: "asyncio.Future[bool]") -> None:
        """See whether the client left; what it says instead stays where it is."""
        try:
            left = not client.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            left = True
        self.loop.remove_reader(client.fileno())
        if left and not gone.done():
            gone.set_result(True)

    def _refusal(self, held: Held) -> RefusedError:
        if held.proved:
            return RefusedError(
                Reason.STEP_UP,
                "the edge has not heard of your second factor",
                hint="it may be cut off from its CA: ask whoever runs it",
            )
        message, hint = _words(self.service())
        return RefusedError(Reason.STEP_UP, message, hint=hint)


def _words(service: str) -> tuple[str, str]:
    return f"{service} asks for a fresh second factor", f"pgward step-up {service}"


def _heard(question: "asyncio.Task[bool]") -> None:
    """Hear of a failure that nobody waits for any more."""
    if not question.cancelled() and (error := question.exception()) is not None:
        log.debug("no proof can be asked for: %s", error)


async def _in_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], bool]) -> bool:
    """Run a call in a thread of its own, which ends with the process: it may wait for long."""
    future: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(bool(result))

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except PgwardError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - a bug: whoever waits must hear of it, too
            error = PgwardError(f"no proof can be asked for: {failure!r}")
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            log.debug("the tunnel ended meanwhile")

    threading.Thread(target=run, name="pgward-step-up", daemon=True).start()
    return await future
