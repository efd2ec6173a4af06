"""The login session of the agent: it comes, is renewed, ends, and comes again.

Another process logs in and out; what it leaves on disk is looked at every few seconds, and
before each request is answered.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from pgward.client.home import Home
from pgward.client.session import Session
from pgward.core.clock import Clock, rfc3339
from pgward.core.errors import DeniedError, LoginNeededError, PgwardError
from pgward.tunnel.local.renewal import Renewal

log = logging.getLogger("pgward.agent")

# So long a person who asks how things stand waits for the CA.
CHECK_SECONDS = 2.0


class Desk:
    """Has the login session of a home, or waits for one; ``on_login`` hears of each new one."""

    def __init__(
        self,
        home: Path,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        *,
        say: Callable[[str], None],
        on_login: Callable[[], None],
    ) -> None:
        self._home = Home(home)
        self._clock = clock
        self._loop = loop
        self._say = say
        self._on_login = on_login
        self._seen: Path | None = None
        self._login: str | None = None
        self._trouble: str | None = None
        self._fresh: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._refused: tuple[str, PgwardError] | None = None  # which login, and why
        self.session: Session | None = None
        self.renewal: Renewal | None = None

    async def look(self) -> None:
        """See whether somebody logged in, or another process renewed or logged out."""
        async with self._looking:
            try:
                active = self._home.generations.active()
                if active == self._seen:
                    return
                if self.session is None and active is not None:
                    await self._begin()
                elif self.renewal is not None:
                    await self.renewal.refresh()
                self._seen = active
            except PgwardError as error:  # half of an identity, an unreadable disk: look again
                if error.message != self._trouble:  # once, and not every few seconds
                    log.warning("cannot look at the login: %s", error.message)
                self._trouble = error.message
                return
            self._trouble = None
        self._greet()

    def required(self) -> tuple[Session, Renewal]:
        """Return the session and its renewal; raise LoginNeededError when nobody is logged in."""
        if self.session is None or self.renewal is None or self._seen is None:
            raise LoginNeededError
        self.session.check_alive()
        return self.session, self.renewal

    @property
    def alive(self) -> bool:
        """Tell whether somebody is logged in."""
        try:
            self.required()
        except LoginNeededError:
            return False
        return True

    def ends(self) -> tuple[str, datetime] | None:
        """Return which login ends when; None while nobody is logged in."""
        if self.session is None or self._seen is None:
            return None
        return self.session.state.login, self.session.session_expires_at

    async def check(self, known: PgwardError | None = None) -> None:
        """Ask the CA, once and not for long, whether it still takes this login.

        When it does not, ``known`` is why; else, what the CA says.
        """
        if self.session is None or not self.alive:
            return
        login = self.session.state.login
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await asyncio.to_thread(self.session.services)
        except (LoginNeededError, DeniedError) as error:
            if self.refusal is None:  # else it is known, and was said
                why = known or error
                self._refused = (login, why)
                self._say(f"{why.message}\nhint: {why.hint or 'pgward login'}")
        except (PgwardError, TimeoutError) as error:
            log.info("the CA does not say whether the login counts: %r", error)
        else:
            self._refused = None

    @property
    def refusal(self) -> PgwardError | None:
        """Why the CA takes a login no more that is not over yet, as far as it has said so."""
        if self.session is None or not self.alive:
            return None
        if self._refused is not None and self._refused[0] == self.session.state.login:
            return self._refused[1]
        problem = self.renewal.problem if self.renewal is not None else None
        return problem if isinstance(problem, LoginNeededError | DeniedError) else None

    def describe(self) -> dict[str, Any]:
        """Return what `pgward agent status` shows of the login."""
        if self.session is None or self._seen is None:
            return {"logged_in": False, "user": None}
        problem = self.refusal or (self.renewal.problem if self.renewal is not None else None)
        return {
            "logged_in": self.alive,
            "user": self.session.user.name,
            "session_expires_at": rfc3339(self.session.session_expires_at),
            "certificate_expires_at": rfc3339(self.session.not_after),
            "problem": None if problem is None else problem.message,
        }

    def close(self) -> None:
        """Stop renewing."""
        if self._fresh is not None:
            self._fresh.cancel()
        if self.session is not None:
            self.session.close()

    async def _begin(self) -> None:
        session = await asyncio.to_thread(Session, self._home, self._clock)
        self.session = session
        self.renewal = Renewal(session, self._clock, self._loop, self._say)
        self._fresh = self._loop.create_task(self.renewal.keep_fresh())

    def _greet(self) -> None:
        login = None if self.session is None or self._seen is None else self.session.state.login
        if login is not None and login != self._login:
            self._login = login
            self._on_login()
        elif login is None:
            self._login = None
