"""Step-ups: a conversation inside a login session that ends with a fresh proof for one service.

It is made of the login's parts: attempts, asks, and flows, which are sealed as another kind, so
that none of them ever leads to a login session. What proves is a ``Prover``; the first of those
that a person can answer, and the service accepts, is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.identity import sessions, step_ups
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.identity.step_ups import StepUp
from pgward.ca.login import flows, grounds
from pgward.ca.login.attempt import Ask, Attempt, Proven
from pgward.ca.login.desk import Desk
from pgward.ca.login.engine import Asked, new_attempt_id
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.stored import Resource
from pgward.core.clock import rfc3339
from pgward.core.errors import DeniedError, InvalidInputError, LoginNeededError, NotFoundError

ACTION = "step_up.prove"


class Prover(Protocol):
    """One way to prove anew who somebody is; raises DeniedError, InvalidInputError."""

    kind: str

    async def begin(self, attempt: Attempt, accepted: frozenset[str]) -> Ask | None:
        """Ask, or return None when this person has nothing of it that is accepted."""
        ...

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> str | Ask:
        """Return the factor that the answer proved, or ask for more."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person stands with a service: its rule, and the proof that counts now."""

    service: str
    rule: kinds.StepUp
    proof: StepUp | None
    until: datetime | None


class SteppingUp:
    """One process's; every proof and every refusal is put on record."""

    def __init__(self, desk: Desk, provers: Sequence[Prover]) -> None:
        self._desk = desk
        self._provers = {prover.kind: prover for prover in provers}

    async def begin(self, session: LoginSession, service: str) -> Asked:
        """Ask for a fresh proof; raise NotFoundError, InvalidInputError, DeniedError."""
        standing = await run_sync(self.standing, session, service)
        attempt = Attempt(
            id=new_attempt_id(),
            method="step-up",
            provider=session.provider,
            thumbprint=session.thumbprint,
            began_at=self._desk.now(),
            proven=Proven(session.user.name, ()),
            grounds=[grounds.account(session.user)],
            service=service,
            session=session.id,
        )
        accepted = frozenset(standing.rule.factors)
        try:
            for prover in self._provers.values():
                ask = await prover.begin(attempt, accepted)
                if ask is not None:
                    return self._asked(attempt, prover, ask)
            raise _nothing_to_prove_with(service, standing.rule)
        except DeniedError as error:
            await run_sync(self._refused, session, service, error)
            raise

    async def answer(
        self, session: LoginSession, flow: str, answer: Mapping[str, Any]
    ) -> Standing | Asked:
        """Go on with an answer; the proof is stored when it was the last."""
        desk, service = self._desk, None
        try:
            attempt = flows.unseal(
                desk.sealer,
                flow,
                thumbprint=session.thumbprint,
                now=desk.now(),
                kind=flows.STEP_UP,
            )
            service = _service_of(attempt, session)
            prover = self._provers[attempt.asked_by]
            came = await prover.answer(attempt, answer)
        except DeniedError as error:
            await run_sync(self._refused, session, service, error)
            raise
        if isinstance(came, Ask):
            return self._asked(attempt, prover, came)
        return await run_sync(self._prove, session, attempt, service, came)

    def standing(self, session: LoginSession, service: str) -> Standing:
        """Return how a person stands with a service; blocks.

        Raises NotFoundError for one that is not there, or not for this person, and
        InvalidInputError for one that asks for nothing.
        """
        with self._desk.store.read() as connection:
            return self._standing(connection, session, service)

    def _standing(self, connection: Connection, session: LoginSession, service: str) -> Standing:
        resource = resources.find(connection, "Service", service)
        spec = None if resource is None else ServiceSpec.model_validate(resource.spec)
        user, now = session.user, self._desk.now()
        is_for = spec is not None and admission.may_use(connection, service, spec, user, now)
        if resource is None or spec is None or not is_for:
            raise NotFoundError(
                f"there is no service {service!r} for you",
                hint="pgward services lists those you may use",
            )
        if spec.step_up is None:
            raise InvalidInputError(f"{service} asks for no step-up", hint=f"pgward psql {service}")
        proofs = step_ups.live(connection, now, user=user.name)
        found = next((each for each in proofs if each.service == service), None)
        until = counts_until(found, resource, spec.step_up, now)
        return Standing(service, spec.step_up, found if until else None, until)

    def _asked(self, attempt: Attempt, prover: Prover, ask: Ask) -> Asked:
        attempt.ask(prover.kind, ask)
        facts = {**ask.facts, "service": attempt.service}
        flow = flows.seal(self._desk.sealer, attempt, flows.STEP_UP)
        return Asked(Ask(ask.kind, facts), flow)

    def _prove(
        self, session: LoginSession, attempt: Attempt, service: str, factor: str
    ) -> Standing:
        """Store the proof, unless something came between."""
        name, now = session.user.name, self._desk.now()
        with self._desk.acts.act(name, ACTION, service) as act:
            connection = act.transaction.connection
            if not sessions.is_alive(connection, session.id, now):
                raise LoginNeededError("your login session has ended")
            again, what = _again(attempt), flows.STEP_UP.what
            grounds.check(connection, name, attempt.grounds, during=what, again=again)
            rule = self._standing(connection, session, service).rule
            if factor not in rule.factors:
                raise DeniedError(f"{service} does not accept {factor} any more")
            flows.use_up(act.transaction, attempt, flows.STEP_UP)
            until = min(now + timedelta(minutes=rule.minutes), session.expires_at)
            until = until.replace(microsecond=0)  # as it is told
            proof = StepUp(name, service, session.id, factor, now, until)
            step_ups.keep(act.transaction, proof)
            act.details |= {**_details(session), "factor": factor, "until": rfc3339(until)}
            if factor in kinds.BY_PROVIDER:
                act.details["provider"] = attempt.provider
        return Standing(service, rule, proof, until)

    def _refused(self, session: LoginSession, service: str | None, error: DeniedError) -> None:
        self._desk.acts.refused(session.user.name, ACTION, service, error, _details(session))


def counts_until(
    proof: StepUp | None, service: Resource, rule: kinds.StepUp, now: datetime
) -> datetime | None:
    """Return until when a proof counts for a service as it is now; None when it does not."""
    if proof is None:
        return None
    return proof.until(rule.minutes, rule.factors, since=service.created_at, now=now)


def _service_of(attempt: Attempt, session: LoginSession) -> str:
    """Return what this is for; raise DeniedError when another login session began it."""
    if attempt.session != session.id or attempt.service is None:
        raise DeniedError("the step-up was begun in another login session", hint=_again(attempt))
    return attempt.service


def _again(attempt: Attempt) -> str:
    return f"pgward step-up {attempt.service}"


def _nothing_to_prove_with(service: str, rule: kinds.StepUp) -> DeniedError:
    names = ", ".join(rule.factors)
    hint = next((hint for factor, hint in _HOW if factor in rule.factors), None)
    return DeniedError(
        f"{service} asks for a fresh second factor, and you have none that it accepts ({names})",
        hint=hint,
    )


_HOW = (
    ("totp", "pgward mfa add totp  sets an authenticator app up"),
    ("webauthn", "pgward mfa add passkey  sets a passkey up"),
    ("oidc", "pgward login --method oidc, so that your identity provider is known"),
    ("mfa", "an administrator can look at secondFactor of the identity provider"),
)


def _details(session: LoginSession) -> dict[str, Any]:
    return {"device": session.thumbprint, "session": session.id}
