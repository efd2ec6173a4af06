"""Leads a login from the first request to a session, through a method and all gates."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.acts import Act
from pgward.ca.identity import sessions
from pgward.ca.identity.sessions import LoginSession, NewSession
from pgward.ca.limiting.throttle import TooSoonError
from pgward.ca.login import flows, grounds
from pgward.ca.login.attempt import METHOD, Ask, Attempt, Proven, RefusedLoginError
from pgward.ca.login.desk import Desk
from pgward.ca.login.gates.device import admit
from pgward.ca.login.gates.gate import Gate, Preparing, View, present
from pgward.ca.login.method import Methods
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.core.clock import rfc3339
from pgward.core.errors import DeniedError

_ACTION = "session.start"
_REFRESH = "provider refresh"


@dataclass(frozen=True, slots=True)
class Started:
    """A new session, and its token, which is stored nowhere."""

    session: LoginSession
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person is asked, and the flow that must come back with the answer."""

    ask: Ask
    flow: str


Outcome = Started | Asked


class Engine:
    """One process's; every refusal is put on record with its true reason."""

    def __init__(
        self,
        desk: Desk,
        methods: Methods,
        gates: Sequence[Gate],
        refusal: Callable[[], None] = lambda: None,
    ) -> None:
        """``refusal`` counts one of somebody unknown, and raises when they are too many."""
        self._refusal = refusal
        self.methods = methods
        self._desk = desk
        self._gates = {gate.kind: gate for gate in gates}
        self._rules = LoginRuleBook(desk.settings)

    async def begin(self, attempt: Attempt) -> Outcome:
        """Begin a login; raise DeniedError, InvalidInputError, UnavailableError, NotFoundError."""
        method = self.methods.get(attempt.method)
        try:
            return await self._went_on(attempt, await method.begin(attempt))
        except DeniedError as error:
            raise await run_sync(self._refused, attempt, error) from None

    async def answer(self, flow: str, answer: Mapping[str, Any], *, thumbprint: str) -> Outcome:
        """Go on with an answer; raises as ``begin``."""
        desk = self._desk
        attempt = flows.unseal(desk.sealer, flow, thumbprint=thumbprint, now=desk.now())
        try:
            if attempt.asked_by == METHOD:
                method = self.methods.get(attempt.method)
                return await self._went_on(attempt, await method.answer(attempt, answer))
            await self._gates[attempt.asked_by].answer(attempt, answer)
            return await self._advance(attempt)
        except DeniedError as error:
            raise await run_sync(self._refused, attempt, error) from None

    async def _went_on(self, attempt: Attempt, came: Proven | Ask) -> Outcome:
        if isinstance(came, Ask):
            return self._asked(attempt, METHOD, came)
        attempt.prove(came)
        return await self._advance(attempt)

    async def _advance(self, attempt: Attempt) -> Outcome:
        """Go through the gates, and start the session behind the last."""
        found = await run_sync(self._missing_now, attempt)
        if found is None:
            came = await run_sync(self._start, attempt)
            if isinstance(came, Started):
                return came
            found = came
        gate = self._gates[found[0]]
        if isinstance(gate, Preparing):
            await gate.prepare(attempt, found[1])
        return self._asked(attempt, *found)

    def _asked(self, attempt: Attempt, asker: str, ask: Ask) -> Asked:
        attempt.ask(asker, ask)
        return Asked(ask, flows.seal(self._desk.sealer, attempt))

    def _missing_now(self, attempt: Attempt) -> tuple[str, Ask] | None:
        with self._desk.store.read() as connection:
            return self._missing(attempt, self._view(connection, attempt))

    def _missing(self, attempt: Attempt, view: View) -> tuple[str, Ask] | None:
        for gate in self._gates.values():
            ask = gate.check(attempt, view)
            if ask is not None:
                return gate.kind, ask
        return None

    def _view(self, connection: Connection, attempt: Attempt) -> View:
        """Look at the person; raise DeniedError when what was proved stands no more."""
        name = _proven(attempt).user
        grounds.check(connection, name, attempt.grounds)
        user = present(connection, name)
        return View(connection, user, self._rules.of(connection, user), self._desk.now())

    def _start(self, attempt: Attempt) -> Started | tuple[str, Ask]:
        """Start the session; something may have come between, and then it is asked for."""
        name = _proven(attempt).user
        try:
            with self._desk.acts.act(name, _ACTION) as act:
                return self._start_in(act, attempt)
        except DeniedError as error:
            raise _RecordedError(error) from None

    def _start_in(self, act: Act, attempt: Attempt) -> Started | tuple[str, Ask]:
        connection = act.transaction.connection
        view = self._view(connection, attempt)
        missing = self._missing(attempt, view)
        if missing is not None:
            act.worth_recording = False
            return missing
        if attempt.resumed:
            flows.use_up(act.transaction, attempt)
        return self._session(act, attempt, view)

    def _session(self, act: Act, attempt: Attempt, view: View) -> Started:
        device = admit(act.transaction, attempt, view)
        new = self._new(attempt, view, device.id)
        session, token = sessions.start(act.transaction, new, now=view.now)
        act.target = session.id
        act.details |= _details(attempt, session)
        return Started(session, token)

    def _new(self, attempt: Attempt, view: View, device_id: str) -> NewSession:
        proven = _proven(attempt)
        refresh = proven.refresh
        return NewSession(
            user=view.user,
            thumbprint=attempt.thumbprint,
            method=attempt.method,
            client=caller.client.get(),
            lifetime=view.rules.session,
            device_id=device_id,
            factors=tuple(attempt.factors),
            reason=attempt.reason or None,
            provider=attempt.provider,
            provider_subject=proven.subject,
            provider_sid=proven.sid,
            refresh_sealed=None
            if refresh is None
            else self._desk.sealer.seal(_REFRESH, refresh.encode()),
        )

    def _refused(self, attempt: Attempt, error: DeniedError) -> DeniedError:
        """Record why, and return what the caller may know."""
        if isinstance(error, _RecordedError):
            return error.told
        if isinstance(error, TooSoonError):
            return error
        # Methods slow down who begins; with a flow anybody could have the store write for ever.
        if attempt.resumed and attempt.proven is None:
            self._refusal()
        details = {"method": attempt.method}
        if attempt.provider is not None:
            details["provider"] = attempt.provider
        actor = error.actor if isinstance(error, RefusedLoginError) else None
        self._desk.acts.refused(actor or attempt.actor, _ACTION, None, error, details)
        return error


class _RecordedError(DeniedError):
    """A refusal that the act has put on record."""

    def __init__(self, told: DeniedError) -> None:
        super().__init__(told.message, hint=told.hint)
        self.told = told


def new_attempt_id() -> str:
    """Return the id of an attempt: 128 random bits."""
    return secrets.token_hex(16)


def _proven(attempt: Attempt) -> Proven:
    assert attempt.proven is not None  # noqa: S101 - gates come after a method's proof
    return attempt.proven


def _details(attempt: Attempt, session: LoginSession) -> dict[str, Any]:
    details: dict[str, Any] = {
        "method": attempt.method,
        "factors": list(attempt.factors),
        "device": attempt.thumbprint,
        "expires_at": rfc3339(session.expires_at),
    }
    if attempt.provider is not None:
        details["provider"] = attempt.provider
    if attempt.reason:
        details["reason"] = attempt.reason
    return details | dict(_proven(attempt).details)
