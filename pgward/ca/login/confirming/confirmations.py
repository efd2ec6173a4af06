"""Asks providers before renewals: not too often, not for long, and not too many at once.

Sessions of which no provider has anything to say pass without a look at the store.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import NoReturn

from anyio.to_thread import run_sync

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login.confirming.question import Confirmer, EndedError, Question
from pgward.ca.login.desk import Desk
from pgward.ca.login.oidc import arrival, ending
from pgward.ca.revoking.revocation import Revoker
from pgward.core.clock import rfc3339
from pgward.core.errors import LoginNeededError, PgwardError, UnavailableError

_PATIENCE = 5.0  # seconds that a renewal waits; the answer counts also when it comes later
_SLOW_SECONDS = 30.0  # for so long nobody else waits for a provider that was slow
_AT_ONCE = 64  # questions that one provider has not answered yet
_AGAIN_SECONDS = 60.0  # after the provider could not be asked
_LOOK_SECONDS = 600.0  # until the store is looked at again, where there is nothing to ask
_MOST = 100_000
_Asking = asyncio.Task[float]


class Confirmations:
    """One process's; use ``confirm`` on one event loop."""

    def __init__(self, desk: Desk, revoker: Revoker, confirmers: Sequence[Confirmer]) -> None:
        self._desk = desk
        self._revoker = revoker
        self._confirmers = confirmers
        self._due: OrderedDict[str, float] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._asking: dict[tuple[str, str], _Asking] = {}
        self._open: Counter[str] = Counter()
        self._slow: dict[str, float] = {}
        self.patience = _PATIENCE

    async def confirm(self, session: LoginSession) -> None:
        """Return when a certificate may be renewed; raise LoginNeededError, UnavailableError."""
        concerned = [each for each in self._confirmers if each.concerns(session)]
        if not concerned or self._is_confirmed(session.id):
            return
        lock = self._locks.setdefault(session.id, asyncio.Lock())
        try:
            async with lock:
                if not self._is_confirmed(session.id):
                    await self._look(session, concerned)
        finally:
            if not lock.locked():
                self._locks.pop(session.id, None)

    def _is_confirmed(self, session_id: str) -> bool:
        return self._desk.monotonic() < self._due.get(session_id, float("-inf"))

    async def _look(self, session: LoginSession, confirmers: Sequence[Confirmer]) -> None:
        good_for = _LOOK_SECONDS
        for confirmer in confirmers:
            for question in await run_sync(confirmer.questions, session):
                good_for = min(good_for, await self._settle(session, question))
        self._due[session.id] = self._desk.monotonic() + good_for
        self._due.move_to_end(session.id)
        while len(self._due) > _MOST:
            self._due.popitem(last=False)

    async def _settle(self, session: LoginSession, question: Question) -> float:
        """Ask if it is time; return for how many seconds nothing has to be asked."""
        age = self._desk.now() - question.confirmed_at
        if age < question.every:
            return (question.every - age).total_seconds()
        task = self._asking.get((question.provider, session.id))
        if task is None:
            if self._open[question.provider] >= _AT_ONCE:
                return self._grace(question, "the identity provider has not answered others yet")
            task = await self._begin(session, question)
            if task is None:
                return self._grace(question, "another replica asks the identity provider")
        return await self._patiently(question, task)

    async def _begin(self, session: LoginSession, question: Question) -> _Asking | None:
        """Start to ask; it is never broken off, as that would change what a token is good for."""
        key = (question.provider, session.id)
        self._open[question.provider] += 1  # before there is something to wait for
        try:
            claimed = await run_sync(question.claim)
        except BaseException:  # a client that left as well: else its place is never free again
            self._left(question.provider)
            raise
        if not claimed:
            self._left(question.provider)
            return None
        task = asyncio.create_task(self._ask(session, question))
        self._asking[key] = task

        def asked(_task: _Asking) -> None:
            del self._asking[key]
            self._left(question.provider)
            if not task.cancelled():
                task.exception()  # who waited has heard of it, or it is on record

        task.add_done_callback(asked)
        return task

    def _left(self, provider: str) -> None:
        self._open[provider] -= 1
        if not self._open[provider]:
            del self._open[provider]

    async def _patiently(self, question: Question, task: _Asking) -> float:
        """Wait a little for the answer; not at all where others have waited for nothing."""
        slow = self._desk.monotonic() < self._slow.get(question.provider, float("-inf"))
        done, _ = await asyncio.wait({task}, timeout=0 if slow else self.patience)
        if done:
            return task.result()
        self._slow[question.provider] = self._desk.monotonic() + _SLOW_SECONDS
        return self._grace(question, "the identity provider is slow")

    async def _ask(self, session: LoginSession, question: Question) -> float:
        try:
            groups = await question.ask()
        except EndedError as error:
            await self._over(session, question, error)
        except PgwardError as error:
            return await self._failed(session, question, error)
        await run_sync(self._keep, session, question, groups)
        self._slow.pop(question.provider, None)
        return question.every.total_seconds()

    async def _over(self, session: LoginSession, question: Question, error: EndedError) -> NoReturn:
        await run_sync(self._end, session, question, error.why)
        raise LoginNeededError(error.message)

    def _end(self, session: LoginSession, question: Question, why: str) -> None:
        now = self._desk.now()
        with self._desk.store.read() as connection:
            ids = question.sessions(connection, now)
        ending.end(
            self._desk.acts,
            self._revoker,
            {session.user.name: ids},
            why,
            now=now,
            provider=question.provider,
        )

    async def _failed(self, session: LoginSession, question: Question, error: PgwardError) -> float:
        details = {
            "provider": question.provider,
            "confirmed_at": rfc3339(question.confirmed_at),
        }
        await run_sync(
            self._desk.acts.refused,
            session.user.name,
            "session.refresh",
            session.id,
            UnavailableError(error.message),
            details,
        )
        self._grace(question, error.message)
        return _AGAIN_SECONDS

    def _grace(self, question: Question, why: str) -> float:
        """Raise UnavailableError when nothing was confirmed for too long; else look again soon."""
        age = self._desk.now() - question.grace_from
        if age > question.every + question.grace:
            raise UnavailableError(
                f"{question.provider} has not confirmed your login for"
                f" {age.total_seconds() / 60:.0f} minutes: {why}",
                hint="it goes on by itself; or log in anew: pgward login",
            )
        return 0.0

    def _keep(
        self, session: LoginSession, question: Question, groups: frozenset[str] | None
    ) -> None:
        user, provider = session.user.name, question.provider
        with self._desk.acts.act(user, "session.refresh", session.id) as act:
            question.keep(act.transaction, self._desk.now())
            if groups is not None:
                act.details |= arrival.follow(act.transaction, provider, user, groups)
            act.worth_recording = bool(act.details)
            act.details["provider"] = provider
