"""Before a certificate is renewed: the provider is asked whether it stands by the login still.

It is asked with the refresh token of the login session, not more often than ``refreshMinutes``,
and only for sessions that have one; all others pass without a look at the store. What it says
ends the session or changes groups at once. When it cannot be asked, renewals go on until it has
confirmed nothing for ``refreshGraceMinutes``.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

import sqlalchemy as sa
from anyio.to_thread import run_sync

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.keys.sealing import SealError
from pgward.ca.login.desk import Desk
from pgward.ca.login.oidc import arrival, ending
from pgward.ca.login.oidc.errors import NotAllowedError, RefusedError
from pgward.ca.login.oidc.providers import Known, Providers
from pgward.ca.login.oidc.relying_party import Refreshed
from pgward.ca.revoking.revocation import Revoker
from pgward.ca.store.schema import login_sessions
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import LoginNeededError, NotFoundError, PgwardError, UnavailableError

PURPOSE = "provider refresh"
_CLAIM = timedelta(seconds=60)  # longer than asking takes
_PATIENCE = 5.0  # seconds that a renewal waits; the answer counts also when it comes later
_AGAIN_SECONDS = 60.0  # after the provider could not be asked
_MOST = 100_000
_ENDED = frozenset(("invalid_grant", "access_denied", "interaction_required", "login_required"))


@dataclass(frozen=True, slots=True)
class _Standing:
    """A session's refresh token as it is stored."""

    subject: str
    sealed: bytes = field(repr=False)
    token: str = field(repr=False)
    claimed_at: datetime | None
    confirmed_at: datetime


class Confirmations:
    """One process's; use ``confirm`` on one event loop."""

    def __init__(self, desk: Desk, providers: Providers, revoker: Revoker) -> None:
        self._desk = desk
        self._providers = providers
        self._revoker = revoker
        self._due: OrderedDict[str, float] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self.patience = _PATIENCE

    async def confirm(self, session: LoginSession) -> None:
        """Return when a certificate may be renewed; raise LoginNeededError, UnavailableError."""
        if session.provider is None or self._is_confirmed(session.id):
            return
        lock = self._locks.setdefault(session.id, asyncio.Lock())
        try:
            async with lock:
                if not self._is_confirmed(session.id):
                    await self._look(session, session.provider)
        finally:
            if not lock.locked():
                self._locks.pop(session.id, None)

    def _is_confirmed(self, session_id: str) -> bool:
        return self._desk.monotonic() < self._due.get(session_id, float("-inf"))

    def _confirmed(self, session_id: str, seconds: float) -> None:
        self._due[session_id] = self._desk.monotonic() + seconds
        self._due.move_to_end(session_id)
        while len(self._due) > _MOST:
            self._due.popitem(last=False)

    async def _look(self, session: LoginSession, provider: str) -> None:
        try:
            standing = await run_sync(self._standing, session.id)
        except SealError:  # the CA has another keys/seal.key by now
            raise LoginNeededError("your login cannot be confirmed any more") from None
        if standing is None:  # the provider gave no refresh token: the session lives its hours
            self._confirmed(session.id, (session.expires_at - self._desk.now()).total_seconds())
            return
        try:
            known = await run_sync(self._providers.get, provider)
        except NotFoundError:
            raise LoginNeededError("the identity provider of your login was removed") from None
        every = timedelta(minutes=known.spec.refresh_minutes)
        age = self._desk.now() - standing.confirmed_at
        if age < every:
            self._confirmed(session.id, (every - age).total_seconds())
            return
        claimed = await run_sync(self._claim, session.id, standing)
        if claimed is None:  # another replica is asking
            self._grace(known, standing, "another replica asks the identity provider")
            return
        await self._ask_patiently(session, known, claimed)

    async def _ask_patiently(
        self, session: LoginSession, known: Known, standing: _Standing
    ) -> None:
        """Ask, and wait a little for the answer.

        It is never broken off: a provider may have replaced the refresh token by then.
        """
        task = asyncio.create_task(self._ask(session, known, standing))
        self._asking.add(task)
        task.add_done_callback(self._asked)
        done, _ = await asyncio.wait({task}, timeout=self.patience)
        if done:
            task.result()
        else:
            self._grace(known, standing, "the identity provider is slow")

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # who waited has heard of it, or it is on record

    async def _ask(self, session: LoginSession, known: Known, standing: _Standing) -> None:
        try:
            found = await known.party.refresh(standing.token, standing.subject)
        except NotAllowedError as error:
            await self._over(session, known, error.message)
        except RefusedError as error:
            if error.error in _ENDED:
                await self._over(session, known, "the identity provider ended the login")
            await self._failed(session, known, standing, error)
        except PgwardError as error:
            await self._failed(session, known, standing, error)
        else:
            await run_sync(self._store, session, known, standing, found)
            self._confirmed(session.id, known.spec.refresh_minutes * 60.0)

    async def _over(self, session: LoginSession, known: Known, why: str) -> NoReturn:
        await run_sync(
            lambda: ending.end(
                self._desk.acts,
                self._revoker,
                {session.user.name: [session.id]},
                why,
                now=self._desk.now(),
                provider=known.name,
            )
        )
        raise LoginNeededError(why)

    async def _failed(
        self, session: LoginSession, known: Known, standing: _Standing, error: PgwardError
    ) -> None:
        details = {"provider": known.name, "confirmed_at": rfc3339(standing.confirmed_at)}
        await run_sync(
            self._desk.acts.refused,
            session.user.name,
            "session.refresh",
            session.id,
            UnavailableError(error.message),
            details,
        )
        self._grace(known, standing, error.message)
        self._confirmed(session.id, _AGAIN_SECONDS)

    def _grace(self, known: Known, standing: _Standing, why: str) -> None:
        """Raise UnavailableError when nothing was confirmed for too long."""
        spec = known.spec
        most = timedelta(minutes=spec.refresh_minutes + spec.refresh_grace_minutes)
        age = self._desk.now() - standing.confirmed_at
        if age > most:
            raise UnavailableError(
                f"{known.name} has not confirmed your login for"
                f" {age.total_seconds() / 60:.0f} minutes: {why}",
                hint="it goes on by itself; or log in anew: pgward login",
            )

    def _standing(self, session_id: str) -> _Standing | None:
        columns = login_sessions.c
        statement = sa.select(
            columns.provider_subject, columns.refresh_sealed, columns.refreshed_at
        ).where(columns.id == session_id)
        with self._desk.store.read() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None or row.refresh_sealed is None:
            return None
        kept = json.loads(self._desk.sealer.open(PURPOSE, row.refresh_sealed))
        claimed = kept.get("claimed_at")
        return _Standing(
            subject=row.provider_subject,
            sealed=row.refresh_sealed,
            token=kept["token"],
            claimed_at=None if claimed is None else parse_rfc3339(claimed),
            confirmed_at=row.refreshed_at,
        )

    def _claim(self, session_id: str, standing: _Standing) -> _Standing | None:
        """Be the one who asks: a refresh token that two use at once ends the login."""
        now = self._desk.now()
        if standing.claimed_at is not None and abs(now - standing.claimed_at) < _CLAIM:
            return None
        sealed = self._sealed({"token": standing.token, "claimed_at": rfc3339(now)})
        if not self._replace(session_id, standing.sealed, refresh_sealed=sealed):
            return None
        return _Standing(standing.subject, sealed, standing.token, now, standing.confirmed_at)

    def _store(
        self, session: LoginSession, known: Known, standing: _Standing, found: Refreshed
    ) -> None:
        sealed = self._sealed({"token": found.refresh_token})
        now = self._desk.now()
        groups = None if found.person is None else found.person.groups
        with self._desk.acts.act(session.user.name, "session.refresh", session.id) as act:
            changes = {"refresh_sealed": sealed, "refreshed_at": now}
            self._update(act.transaction.execute, session.id, standing.sealed, changes)
            if groups is not None:
                user = session.user.name
                act.details |= arrival.follow(act.transaction, known.name, user, groups)
            act.worth_recording = bool(act.details)
            act.details["provider"] = known.name

    def _sealed(self, kept: dict[str, Any]) -> bytes:
        return self._desk.sealer.seal(PURPOSE, json.dumps(kept).encode())

    def _replace(self, session_id: str, former: bytes, **values: Any) -> bool:
        with self._desk.store.write() as transaction:
            return self._update(transaction.execute, session_id, former, values)

    def _update(
        self,
        execute: Callable[[sa.Executable], sa.CursorResult[Any]],
        session_id: str,
        former: bytes,
        values: dict[str, Any],
    ) -> bool:
        columns = login_sessions.c
        chosen = (columns.id == session_id) & (columns.refresh_sealed == former)
        return execute(sa.update(login_sessions).where(chosen).values(**values)).rowcount == 1
