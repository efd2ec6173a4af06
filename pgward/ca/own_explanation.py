"""What policies say of somebody who asks about themselves: the answers, and not the rules.

An answer names the rule that decides and its reason, which the edge would tell as well. What people
ask about others, and what the rules look at, is for administrators.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.identity import devices
from pgward.ca.identity.devices import DeviceState
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec, canonical
from pgward.client.policy_sources import Ruled, Sources
from pgward.core.errors import NotFoundError
from pgward.policy.context import Connect, Context, Device, ServiceFacts, Session, Statement, User
from pgward.policy.role_guard import RoleGuard
from pgward.policy.rules import Decision, Engine

# As edges take them; ``facts`` of handles tells them of others' logins.
_SECOND_FACTORS = frozenset({"totp", "webauthn", "recovery", "mfa"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants of a service: how to come in, as whom, and which statements."""

    service: str
    connect: Connect
    method: str
    reason: str
    client: str
    statements: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of that; ``guard`` keeps the role, for whoever has the statements' texts."""

    is_ruled: bool
    connection: Decision
    statements: tuple[Decision, ...]
    guard: RoleGuard | None


def answer(connection: Connection, login: LoginSession, asked: Asked, now: datetime) -> Answer:
    """Decide; raise NotFoundError for a service that is not there, or is for others."""
    found = resources.find(connection, "Service", asked.service)
    spec = None if found is None else ServiceSpec.model_validate(found.spec)
    held = admission.held(connection, login.user.name, now).get(asked.service)
    stands = spec is not None and spec.is_for(login.user.name, login.user.groups)
    if spec is None or not (stands or held):
        raise NotFoundError(
            f"there is no service {asked.service!r} for you",
            hint="pgward services lists those you may use",
        )
    context = _context(connection, login, asked, spec, now)
    if held is not None:
        context = replace(context, user=replace(context.user, grants=held.names))
    try:
        ruled = Sources((), _asking(connection)).service(asked.service)
    except NotFoundError as error:  # one of its policies is gone, and nobody gets in
        gone = Decision(allowed=False, rule="policies", reason=error.message)
        return Answer(True, gone, tuple(gone for _ in asked.statements), None)
    return _decided(ruled, context, asked, now)


def _decided(ruled: Ruled, context: Context, asked: Asked, now: datetime) -> Answer:
    engine = Engine.compile(ruled.policies)
    return Answer(
        is_ruled=ruled.is_ruled,
        connection=ruled.closed(engine, context, now) or engine.connect(context, now),
        statements=tuple(engine.statement(context, now, each) for each in asked.statements),
        guard=ruled.guard(context, now),
    )


def _asking(connection: Connection) -> Callable[[str, str], dict[str, Any]]:
    def ask(kind: str, name: str) -> dict[str, Any]:
        return {"spec": resources.get(connection, canonical(kind), name).spec}

    return ask


def _context(
    connection: Connection, login: LoginSession, asked: Asked, spec: ServiceSpec, now: datetime
) -> Context:
    user = login.user
    return Context(
        user=User(user.name, user.groups, user.email),
        service=ServiceFacts(asked.service, spec.labels or {}),
        connect=asked.connect,
        session=Session(
            method=asked.method,
            client=asked.client,
            started=now,
            mfa=not _SECOND_FACTORS.isdisjoint(login.factors),
            reason=asked.reason,
        ),
        device=_device(connection, login),
    )


def _device(connection: Connection, login: LoginSession) -> Device:
    found = devices.find(connection, login.user.name, login.thumbprint)
    if found is None:
        return Device()
    return Device(found.id, found.state is DeviceState.APPROVED, dict(found.posture or {}))
