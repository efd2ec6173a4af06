"""What a person does with the own login session."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from anyio.to_thread import run_sync
from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.access import admission
from pgward.ca.access.admission import Held
from pgward.ca.access.details import filled
from pgward.ca.identity import (
    database_health,
    directory,
    machines,
    sessions,
    step_ups,
    stolen,
)
from pgward.ca.identity.database_health import Found
from pgward.ca.identity.machines import Machine
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.identity.step_ups import StepUp
from pgward.ca.login import password_policy
from pgward.ca.login.oidc import leaving
from pgward.ca.login.stepping_up import counts_until
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.stored import Resource
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import (
    Body,
    Name,
    Password,
    Revoked,
    Time,
    UserSummary,
)
from pgward.core.errors import DeniedError

router = strict.router("people")


class SessionInfo(BaseModel):
    """The login session that asks."""

    id: str
    created_at: Time
    expires_at: Time


class Me(BaseModel):
    """Who is logged in."""

    user: UserSummary
    session: SessionInfo
    notices: list[str]


class ProviderLogin(BaseModel):
    """A login at an identity provider that goes on; `url` is the page that ends it."""

    provider: str
    url: str | None


class LoggedOut(Revoked):
    """What ended, and what did not."""

    provider_login: ProviderLogin | None


class NewPassword(Body):
    """The present password, and the one that replaces it."""

    old: Password
    new: Password


class EdgeAddress(BaseModel):
    """Where to dial, and the name to verify.

    ``direct_names`` are those by which clients without a tunnel ask this edge for the service.
    ``online``: it asked the authority lately; one that did not may serve all the same.
    """

    name: str
    address: str
    server_name: str
    direct_names: list[str]
    online: bool


class WaysIn(BaseModel):
    """By what people come in at an edge, and whether each connection must say why.

    With ``browser`` they may run SQL in the portal, and with ``export`` save answers as files.
    """

    certificate: bool
    otp: bool
    token: bool
    reason_required: bool
    browser: bool = False
    export: bool = False

    @classmethod
    def of(cls, spec: ServiceSpec) -> Self:
        """Return what a service says of it; of TLS alone it is the certificate."""
        rules = spec.postgres
        if rules is None:
            return cls(certificate=True, otp=False, token=False, reason_required=False)
        login = rules.login
        return cls(
            certificate=login.certificate,
            otp=login.otp,
            token=login.token,
            reason_required=rules.reason_required,
            browser=spec.web_client is not None,
            export=spec.web_client is not None and spec.web_client.export,
        )


class StepUpInfo(BaseModel):
    """How fresh a second factor must be, and until when the last one counts."""

    minutes: int
    factors: list[str]
    proved_until: Time | None


class AccessInfo(BaseModel):
    """What the person has at a service by grants, until the last of them ends.

    ``details`` are words for who connects, of the integration; ``role`` is the access role.
    """

    until: Time
    role: str | None
    names: list[str]
    details: str


Health = Literal["answers", "away", "unknown"]


class ServiceInfo(BaseModel):
    """A service that this person may use; without ``access`` it needs no grant, nor has one.

    ``health`` is what edges find of its database, as far as they ask it. ``server_port`` is where
    edges find PostgreSQL, for who reaches it without one; in mode postgres nobody does.
    """

    name: str
    description: str
    mode: str
    server_name: str
    server_port: int | None = None
    database: str | None
    ssl_mode: str
    edges: list[EdgeAddress]
    ways: WaysIn
    health: Health
    step_up: StepUpInfo | None
    access: AccessInfo | None = None


class Services(BaseModel):
    """The services that this person may use, by name; ``more``: there are others after these."""

    services: list[ServiceInfo]
    more: bool = False


class Which(Body):
    """Which services: all that is given must match."""

    name: Annotated[list[Name], Field(max_length=100, description="these only")] = Field(
        default_factory=list
    )
    search: Annotated[str, Field(max_length=100, description="in the name or description")] = ""
    after: Annotated[str, Field(max_length=253, description="whose names come after this")] = ""
    limit: Annotated[int | None, Field(ge=1, le=1000)] = None

    def shows(self, service: Resource) -> bool:
        """Tell whether a service is one of those."""
        text = f"{service.name}\n{service.description}".lower()
        return service.name > self.after and self.search.lower() in text


_ALL = Which()


@router.get("/me", summary="Tell who is logged in")
def me(context: Current, session: Person) -> Me:
    """Return the person and the login session, and what the person should know."""
    with context.store.read() as connection:
        found = stolen.find(connection, session.user.name, context.now())
    notices = [] if found is None else [found.told]
    info = SessionInfo(id=session.id, created_at=session.created_at, expires_at=session.expires_at)
    return Me(user=UserSummary.of(session.user), session=info, notices=notices)


@router.post("/logout", summary="Log out")
async def logout(context: Current, session: Person) -> LoggedOut:
    """End the login session and revoke its certificates."""
    revoked = await run_sync(_log_out, context, session)
    there = await leaving.standing(context.oidc.providers, session)
    info = None if there is None else ProviderLogin(provider=there.provider, url=there.url)
    return LoggedOut(revoked=revoked, provider_login=info)


def _log_out(context: Context, session: LoginSession) -> int:
    now = context.now()
    with context.acts.act(session.user.name, "session.end", session.id) as act:
        ended = sessions.end(act.transaction, "logout", now=now, session_id=session.id)
        serials = context.revoker.end_sessions(act.transaction, session.user.name, ended, now=now)
        act.details["revoked"] = len(serials)
    return len(serials)


@router.post("/me/password", summary="Change the own password")
async def change_password(context: Current, session: Person, body: NewPassword) -> Revoked:
    """Set a new password, and end all other login sessions of this person."""
    name, address, device = session.user.name, caller.client.get(), session.thumbprint
    # By the device, which has proved its key: whoever guesses elsewhere must not be in the way.
    context.throttle.begin(address, name, context.monotonic(), device=device)
    encoded = await run_sync(_password_hash, context, name)
    if not await context.workers.verify(encoded, body.old.get_secret_value()):
        error = DeniedError("the old password is wrong")
        await run_sync(context.acts.refused, name, "user.password", name, error)
        raise error
    context.throttle.succeeded(address, name, device=device)
    new = body.new.get_secret_value()
    await run_sync(_check_password, context, session, new)
    await context.passwords.refuse_former(name, new)
    replacement = await context.workers.hash(new)
    return await run_sync(_set_password, context, session, replacement)


@router.get("/services", summary="List the services that one may use")
def services(
    context: Current, session: Person, which: Annotated[Which, Query()] = _ALL
) -> Services:
    """Return each service with the edges that lead to it."""
    user, now = session.user, context.now()
    with context.store.read() as connection:
        found = resources.services(connection, which.name or None)
        edges = machines.edges(connection)
        held = admission.held(connection, user.name, now)
        allowed = [
            (each, spec)
            for each, spec in found
            if (each.name in held or spec.is_for(user.name, user.groups)) and which.shows(each)
        ]
        shown = allowed[: which.limit]
        told = {
            each.name: _access(connection, session, each.name, spec, held[each.name])
            for each, spec in shown
            if each.name in held
        }
        asked = [each.name for each, spec in shown if spec.mode == "postgres"]
        health = _by_service(database_health.of(connection, asked) if asked else ())
        asking = any(spec.step_up for _, spec in shown)
        live = step_ups.live(connection, now, user=user.name) if asking else ()
    proofs = {proof.service: proof for proof in live}
    infos = [
        _info(each, spec, edges, _step_up(each, spec, proofs, now), now).model_copy(
            update={
                "access": told.get(each.name),
                "health": _health(health.get(each.name, ()), spec, edges, now),
            }
        )
        for each, spec in shown
    ]
    return Services(services=infos, more=len(allowed) > len(shown))


def _access(
    connection: Connection, session: LoginSession, service: str, spec: ServiceSpec, held: Held
) -> AccessInfo:
    """Return what a person has at a service, in words, too."""
    found = None
    if held.integration is not None:
        found = resources.find(connection, "Integration", held.integration)
    text = "" if found is None else str(found.spec.get("details", ""))
    values = {
        "user": session.user.name,
        "service": service,
        "role": held.role,
        "database": spec.opened(),
    }
    return AccessInfo(
        until=held.until,
        role=held.role,
        names=list(held.names),
        details=filled(text, values),
    )


def _password_hash(context: Context, name: str) -> str | None:
    with context.store.read() as connection:
        return directory.password_hash(connection, name)


def _check_password(context: Context, session: LoginSession, password: str) -> None:
    with context.store.read() as connection:
        rules = context.login_rules.of(connection, session.user).password
    password_policy.check(password, rules, session.user, context.authority.settings)


def _set_password(context: Context, session: LoginSession, encoded: str) -> Revoked:
    name = session.user.name
    with context.acts.act(name, "user.password", name) as act:
        _, serials = context.passwords.store(
            act, name, encoded, "password changed", keep=session.id
        )
    return Revoked(revoked=len(serials))


def _step_up(
    resource: Resource, spec: ServiceSpec, proofs: Mapping[str, StepUp], now: datetime
) -> StepUpInfo | None:
    rule = spec.step_up
    if rule is None:
        return None
    until = counts_until(proofs.get(resource.name), resource, rule, now)
    return StepUpInfo(minutes=rule.minutes, factors=list(rule.factors), proved_until=until)


def _by_service(found: Iterable[Found]) -> dict[str, list[Found]]:
    sorted_out: dict[str, list[Found]] = {}
    for each in found:
        sorted_out.setdefault(each.service, []).append(each)
    return sorted_out


def _health(
    known: Iterable[Found], spec: ServiceSpec, edges: list[Machine], now: datetime
) -> Health:
    """Return what those edges say that serve a service, and were heard of lately."""
    heard = {each.name for each in edges if spec.is_on(each.name) and each.is_online(now)}
    found = [each.problem for each in known if each.edge in heard]
    if not found:
        return "unknown"
    return "answers" if None in found else "away"


def _info(
    resource: Resource,
    spec: ServiceSpec,
    edges: list[Machine],
    step_up: StepUpInfo | None,
    now: datetime,
) -> ServiceInfo:
    name, tcp = resource.name, spec.mode == "tcp"
    return ServiceInfo(
        name=name,
        description=resource.description,
        mode=spec.mode,
        # In mode postgres a client meets no server but the edge, inside the link's TLS.
        server_name=spec.server_name or (spec.upstream.host if tcp and spec.upstream else name),
        server_port=spec.upstream.port if tcp and spec.upstream else None,
        database=spec.opened(),
        ssl_mode=spec.client_ssl_mode,
        edges=[
            EdgeAddress(
                name=edge.name,
                address=edge.advertise,
                server_name=edge.server_name,
                direct_names=[f"{name}.{domain}" for domain in edge.domains],
                online=edge.is_online(now),
            )
            for edge in edges
            if edge.advertise is not None and spec.is_on(edge.name)
        ],
        ways=WaysIn.of(spec),
        health="unknown",
        step_up=step_up,
    )
