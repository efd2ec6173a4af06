"""One login session's certificate, kept fresh for every tunnel that uses it.

Looks every ``CHECK_SECONDS``. A CA that is away is asked again after pauses that grow, but in
time before the certificate ends; a client that waits for a certificate has it asked at once.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from pgward.client.identity import IdentityPaths
from pgward.client.services import ServiceInfo
from pgward.core.clock import Clock
from pgward.core.errors import DeniedError, LoginNeededError, PgwardError, UnavailableError
from pgward.tunnel.local.catalog import RENEW_BEFORE

log = logging.getLogger("pgward.tunnel")

# A laptop that slept must notice soon after: timers stand still meanwhile, the clock does not.
CHECK_SECONDS = 15.0
SLEPT_SECONDS = 30.0
# An edge that refuses new certificates, too, must not have one issued for each connection.
MEND_PAUSE = 60.0
MOST_PAUSE = 120.0
# So long a client waits for a CA that is away, when nothing but a new certificate would do.
HOLD_SECONDS = 15.0
HOLD_PAUSE = 1.0


class Login(Protocol):
    """What a renewal, and a tunnel, need of a login session (``pgward.client.session``)."""

    @property
    def not_after(self) -> datetime:
        """When the certificate ends."""
        ...

    @property
    def session_expires_at(self) -> datetime:
        """When the login session ends."""
        ...

    @property
    def paths(self) -> IdentityPaths:
        """Where certificate, key and CA bundle are."""
        ...

    def ensure_certificate(self, min_remaining: timedelta, *, refused: bool = False) -> bool:
        """Renew if due, or ``refused``; tell whether there is another certificate now."""
        ...

    def services(self) -> list[ServiceInfo]:
        """Ask the CA for the services."""
        ...

    def stepped_up(self, service: str, wait: float) -> bool:
        """Tell whether a fresh second factor counts, waiting so long for one."""
        ...


class Member(Protocol):
    """A tunnel, as its certificate's keeper sees it."""

    def renewed(self) -> None:
        """Take that there is another certificate."""
        ...

    def login_ended(self, problem: str, hint: str) -> None:
        """Take that there will be none until somebody logs in."""
        ...

    def woke(self) -> None:
        """Take that this machine slept: links may be gone unseen."""
        ...

    def look_after(self) -> None:
        """Do what is due every now and then."""
        ...


def next_pause(failures: int, left: float, wanted: float, luck: float) -> float:
    """Return the seconds until a CA that was away is asked again.

    ``failures`` in a row so far, ``left`` seconds of the certificate, ``wanted`` what the CA
    asked for, ``luck`` between 0 and 1, so that not all people come back at the same moment.
    """
    grown = min(CHECK_SECONDS * 2.0 ** min(failures, 10), MOST_PAUSE)
    in_time = max(CHECK_SECONDS, min(grown, left / 4))
    return max(in_time, min(wanted, MOST_PAUSE)) * (0.75 + luck / 2)


def _never() -> bool:
    return False


@dataclass(slots=True, eq=False)
class Renewal:
    """Renews for its ``members``; ``say`` gets what the person should know, once."""

    session: Login
    clock: Clock
    loop: asyncio.AbstractEventLoop
    say: Callable[[str], None]
    members: list[Member] = field(default_factory=list)
    problem: PgwardError | None = None  # why the last look brought no certificate that was due
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looking: "asyncio.Task[None] | None" = None
    _failures: int = 0
    _again_at: float = 0.0
    _mend_at: float = 0.0
    _told: bool = False
    _seen: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._seen = self.clock.now()

    async def keep_fresh(self) -> None:
        """Look after certificate and members until it is cancelled."""
        lag = self._timers_lag()
        try:
            while True:
                self._look()
                await asyncio.sleep(CHECK_SECONDS)
                for member in tuple(self.members):
                    member.look_after()
                before, lag = lag, self._timers_lag()
                if lag - before > SLEPT_SECONDS or self._overslept():
                    self.woke()
                self._seen = self.clock.now()
        finally:
            if self._looking is not None:
                self._looking.cancel()

    def notice_sleep(self) -> bool:
        """See, before a link is used, whether this machine slept just now."""
        if not self._overslept():
            return False
        self.woke()
        return True

    def woke(self) -> None:
        """Let go of links that may have gone while this machine slept, or changed networks."""
        log.info("this machine slept or moved: checking certificate and links")
        self._seen = self.clock.now()
        self._failures, self._again_at = 0, 0.0
        for member in tuple(self.members):
            member.woke()
        self._look()

    def expired(self) -> bool:
        """Tell whether the certificate has ended, by this machine's clock."""
        return self.session.not_after <= self.clock.now()

    async def refresh(self, refused: Callable[[], bool] = _never) -> None:
        """Renew now if due; say once what prevents it.

        ``refused`` is asked when it is this caller's turn: True has the certificate replaced
        whatever is left of it. What was begun goes on when the caller is cancelled: tunnels must
        hear of a certificate that was got.
        """
        task = self.loop.create_task(self._refresh(refused))
        task.add_done_callback(_told_to_log)
        await asyncio.shield(task)

    async def _refresh(self, refused: Callable[[], bool]) -> None:
        async with self._lock:
            anew = refused() and self.loop.time() >= self._mend_at
            if anew:
                self._mend_at = self.loop.time() + MEND_PAUSE
            await self._renew(RENEW_BEFORE, anew)

    async def hold(self) -> None:
        """Wait for a CA that is away, while only a new certificate would do; raise why not."""
        deadline = self.loop.time() + HOLD_SECONDS
        while self.expired():
            await self.refresh()
            if not self.expired():
                return
            left = deadline - self.loop.time()
            if left <= 0 or not isinstance(self.problem, UnavailableError):
                raise self.problem or UnavailableError("the certificate is not renewed yet")
            await asyncio.sleep(min(HOLD_PAUSE, left))

    # --- looking ----------------------------------------------------------------------

    def _look(self) -> None:
        """Begin a look, unless the last one still waits for the CA."""
        if self._looking is None or self._looking.done():
            self._looking = self.loop.create_task(self._in_turn())
            self._looking.add_done_callback(_told_to_log)

    async def _in_turn(self) -> None:
        async with self._lock:
            # While the CA is away, only what is on disk is looked at, unless nothing else helps.
            waits = self.loop.time() < self._again_at
            await self._renew(timedelta() if waits else RENEW_BEFORE, anew=False)

    async def _renew(self, margin: timedelta, anew: bool) -> None:
        renew = partial(self.session.ensure_certificate, margin, refused=anew)
        try:
            another = await asyncio.to_thread(renew)
            if another:
                for member in tuple(self.members):
                    member.renewed()
        except (LoginNeededError, DeniedError) as error:
            if anew:  # the edge's refusal is what the person hears
                log.info("there is no other certificate: %s", error.message)
            else:
                self._end(error)
        except PgwardError as error:
            self._retry(error)
        except OSError as error:
            self._retry(PgwardError(f"the certificate is not renewed: {error}"))
        else:
            if margin or another:
                self._failures, self._again_at = 0, 0.0
                self.problem = None
            self._told = False

    def _retry(self, error: PgwardError) -> None:
        self.problem = error
        wanted = float(error.retry_after) if isinstance(error, UnavailableError) else 0.0
        left = (self.session.not_after - self.clock.now()).total_seconds()
        pause = next_pause(self._failures, left, wanted, random.random())  # noqa: S311 - no secret
        self._failures += 1
        self._again_at = self.loop.time() + pause
        log.info("the certificate is not renewed yet: %s; again in %.0f s", error.message, pause)

    def _end(self, error: PgwardError) -> None:
        self.problem = error
        hint = error.hint or "pgward login"
        for member in tuple(self.members):
            member.login_ended(error.message, hint)
        if not self._told:
            self._told = True
            self.say(f"{error.message}\nhint: {hint}")

    def _overslept(self) -> bool:
        return self.clock.now() - self._seen > timedelta(seconds=CHECK_SECONDS + SLEPT_SECONDS)

    def _timers_lag(self) -> float:
        """Return how far timers are behind the clock, which differs only after a sleep."""
        return self.clock.now().timestamp() - self.loop.time()


def _told_to_log(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("looking after the certificate broke", exc_info=error)
