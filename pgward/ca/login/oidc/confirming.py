"""An OpenID provider is asked again with the refresh token of the login session."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import external
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.keys.sealing import SealError
from pgward.ca.login.confirming.question import EndedError, Question
from pgward.ca.login.desk import Desk
from pgward.ca.login.oidc.errors import NotAllowedError, RefusedError
from pgward.ca.login.oidc.providers import Known, Providers
from pgward.ca.login.oidc.relying_party import Refreshed
from pgward.ca.store import Transaction
from pgward.ca.store.schema import login_sessions
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import LoginNeededError, NotFoundError

PURPOSE = "provider refresh"
_CLAIM = timedelta(seconds=60)  # longer than asking takes
_ENDED = frozenset(("invalid_grant", "access_denied", "interaction_required", "login_required"))


class OidcConfirmer:
    """Asks about sessions that have a refresh token; others live their hours."""

    def __init__(self, desk: Desk, providers: Providers) -> None:
        self._desk = desk
        self._providers = providers

    def concerns(self, session: LoginSession) -> bool:
        """Tell whether a provider vouched for it."""
        return session.provider is not None

    def questions(self, session: LoginSession) -> Sequence[Question]:
        """Return one question, or none; raise LoginNeededError for who cannot be asked about."""
        columns = login_sessions.c
        statement = sa.select(
            columns.provider_subject, columns.refresh_sealed, columns.refreshed_at
        ).where(columns.id == session.id)
        with self._desk.store.read() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None or row.refresh_sealed is None:
            return ()
        try:
            kept = json.loads(self._desk.sealer.open(PURPOSE, row.refresh_sealed))
        except SealError:  # the CA has another keys/seal.key by now
            raise LoginNeededError("your login cannot be confirmed any more") from None
        try:
            known = self._providers.get(session.provider)
        except NotFoundError:
            raise LoginNeededError("the identity provider of your login was removed") from None
        claimed = kept.get("claimed_at")
        question = OidcQuestion(
            desk=self._desk,
            known=known,
            session_id=session.id,
            subject=row.provider_subject,
            sealed=row.refresh_sealed,
            token=kept["token"],
            claimed_at=None if claimed is None else parse_rfc3339(claimed),
            confirmed_at=row.refreshed_at,
        )
        return (question,)


@dataclass(slots=True)
class OidcQuestion:
    """A session's refresh token as it is stored, and what the provider makes of it."""

    desk: Desk
    known: Known
    session_id: str
    subject: str
    sealed: bytes = field(repr=False)
    token: str = field(repr=False)
    claimed_at: datetime | None
    confirmed_at: datetime
    found: Refreshed | None = field(default=None, repr=False)

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.known.name

    @property
    def grace_from(self) -> datetime:
        """Since the last answer, which may be that of the login."""
        return self.confirmed_at

    @property
    def every(self) -> timedelta:
        """``refreshMinutes``."""
        return timedelta(minutes=self.known.spec.refresh_minutes)

    @property
    def grace(self) -> timedelta:
        """``refreshGraceMinutes``."""
        return timedelta(minutes=self.known.spec.refresh_grace_minutes)

    def claim(self) -> bool:
        """Be the one who asks: a refresh token that two use at once ends the login."""
        now = self.desk.now()
        if self.claimed_at is not None and abs(now - self.claimed_at) < _CLAIM:
            return False
        sealed = self._sealed({"token": self.token, "claimed_at": rfc3339(now)})
        with self.desk.store.write() as transaction:
            if not self._update(transaction.execute, {"refresh_sealed": sealed}):
                return False
        self.sealed, self.claimed_at = sealed, now
        return True

    async def ask(self) -> frozenset[str] | None:
        """Refresh; the provider says who it is, if it says anything, and may give a new token."""
        try:
            self.found = await self.known.party.refresh(self.token, self.subject)
        except NotAllowedError as error:
            raise EndedError(error.message) from None
        except RefusedError as error:
            if error.error in _ENDED:
                raise EndedError("the identity provider ended the login") from None
            raise
        return None if self.found.person is None else self.found.person.groups

    def keep(self, transaction: Transaction, now: datetime) -> None:
        """Store the token that is good from now on."""
        assert self.found is not None  # noqa: S101 - it was asked
        sealed = self._sealed({"token": self.found.refresh_token})
        self._update(transaction.execute, {"refresh_sealed": sealed, "refreshed_at": now})
        external.confirmed(transaction, self.provider, self.subject, now)

    def sessions(self, connection: Connection, now: datetime) -> Sequence[str]:
        """Return this one: the token is of no other."""
        del connection, now
        return (self.session_id,)

    def _sealed(self, kept: dict[str, Any]) -> bytes:
        return self.desk.sealer.seal(PURPOSE, json.dumps(kept).encode())

    def _update(
        self,
        execute: Callable[[sa.Executable], sa.CursorResult[Any]],
        values: dict[str, Any],
    ) -> bool:
        columns = login_sessions.c
        chosen = (columns.id == self.session_id) & (columns.refresh_sealed == self.sealed)
        return execute(sa.update(login_sessions).where(chosen).values(**values)).rowcount == 1
