"""What connectors do: hear what is wanted of their servers, and tell what came of it."""

from base64 import b64encode
from datetime import timedelta
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from pgward.ca.access import account_certificates, reporting, wanted_builder
from pgward.ca.access.reporting import Drift, Report, Statement, Told
from pgward.ca.accounts import access_roles
from pgward.ca.identity import machines
from pgward.ca.identity.machines import Machine
from pgward.ca.issuing.issuance import Issued
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.secrets import kept
from pgward.ca.service import replies, strict
from pgward.ca.service.auth import Connector
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Flag, MintReply, Moment, Name, Storable
from pgward.ca.service.models import Request as Csr
from pgward.core.clock import precise_rfc3339
from pgward.core.errors import DeniedError, PgwardError

router = strict.router("machines", prefix=f"{strict.PREFIX}/connector")
REPORT = f"{strict.PREFIX}/connector/report"
MAX_REPORT_BODY = 4 * 1024 * 1024
_MOST_ITEMS = 1000
_MOST_PASSWORDS = 100
_ISSUE = "certificate.account"
_TAG = "^[0-9a-f]{16}$"
Line = Annotated[str, Field(max_length=1000), Storable]
Word = Annotated[str, Field(max_length=252), Storable]
Sql = Annotated[str, Field(max_length=20_000), Storable]
Role = Annotated[str, Field(min_length=1, max_length=63), Storable]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Plain = Line | int | float | bool | None


class IntegrationModel(BaseModel):
    """A server: how to reach it, what must be there, and which grants' ends are awaited.

    ``questions`` are requests of which somebody wants to know what they would have run; ``check``
    is the number of a question whether the server can be worked.
    """

    name: str
    settings: dict[str, Any]
    wanted: dict[str, Any]
    ending: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    check: str | None = None


class WantedReply(BaseModel):
    """All integrations of the connector; ``version`` and ``tag`` are for the next time."""

    version: int
    tag: str
    now: Annotated[str, Field(description="RFC 3339 in UTC, with fractions of a second")]
    integrations: list[IntegrationModel]


class GrantReport(Body):
    """What became of a grant."""

    id: Annotated[str, Field(max_length=32), Storable]
    state: Literal["active", "ended", "failed"]
    at: Moment
    problem: Line | None = None
    sessions_ended: Annotated[int, Field(ge=0, le=10**9)] = 0


class DriftReport(Body):
    """What was changed by hand."""

    what: Line
    role: Word
    detail: Line = ""
    mended: Flag


class StatementReport(Body):
    """SQL that was run."""

    at: Moment
    database: Word
    sql: Sql


class PasswordReport(Body):
    """Which password an access role has."""

    role: Role
    version: Version


class ReportBody(Body):
    """What came of what was wanted; ``id`` tells a report that comes again."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    integration: Name
    version: Annotated[int, Field(ge=0, le=2**62)]
    grants: Annotated[list[GrantReport], Field(max_length=_MOST_ITEMS)] = Field(
        default_factory=list
    )
    drift: Annotated[list[DriftReport], Field(max_length=_MOST_ITEMS)] = Field(default_factory=list)
    statements: Annotated[list[StatementReport], Field(max_length=_MOST_ITEMS)] = Field(
        default_factory=list
    )
    health: Annotated[dict[Word, Plain], Field(max_length=50)] = Field(default_factory=dict)
    passwords: Annotated[list[PasswordReport], Field(max_length=_MOST_ITEMS)] = Field(
        default_factory=list
    )

    def report(self) -> Report:
        """Return it as it is taken."""
        return Report(
            self.id,
            self.integration,
            self.version,
            [Told(**each.model_dump()) for each in self.grants],
            [Drift(**each.model_dump()) for each in self.drift],
            [Statement(**each.model_dump()) for each in self.statements],
            self.health,
            {each.role: each.version for each in self.passwords},
        )


class Taken(BaseModel):
    """The report is stored."""

    taken: bool = True


class PasswordsBody(Body):
    """Of which access roles, and which versions they are to have."""

    integration: Name
    passwords: Annotated[dict[Role, Version], Field(min_length=1, max_length=_MOST_PASSWORDS)]


class Verifiers(BaseModel):
    """What the server is to keep of the passwords that are wanted still, by role (RFC 5803)."""

    verifiers: dict[str, str]


class SecretBody(Body):
    """Of which integration, and which version of the secret PostgreSQL refused."""

    integration: Name
    refused: Version | None = None


class CertificateBody(Body):
    """A key, of which integration, and for how long."""

    integration: Name
    csr: Csr
    seconds: Annotated[int, Field(ge=60, le=15 * 60)] = 300


class SecretReply(BaseModel):
    """A secret in base64."""

    name: str
    version: int
    value: str


@router.get(
    "/wanted",
    summary="Wait for what servers must have",
    response_model=WantedReply,
    responses={204: {"description": "nothing changed in time"}},
)
async def wanted(
    context: Current,
    connector: Connector,
    after: Annotated[int, Query(ge=0, le=2**62, description="the version at hand")] = 0,
    tag: Annotated[str, Query(pattern=_TAG, description="the tag at hand")] = "0" * 16,
    wait: Annotated[float, Query(ge=0, le=30, description="seconds")] = 0,
) -> Any:
    """Return all integrations of the connector as soon as one is another (long poll)."""
    await run_sync(_seen, context, connector)
    found = await context.connector_polls.newer(connector, after, tag, wait)
    if found is None:
        return Response(status_code=204)
    integrations = [IntegrationModel(**each) for each in found.integrations]
    return WantedReply(
        version=found.version,
        tag=found.tag,
        now=precise_rfc3339(context.now()),
        integrations=integrations,
    )


async def _body(request: Request, _connector: Connector) -> ReportBody:
    """Read a report, which may be long, once it is known that a connector sends it."""
    return strict.read(await request.body(), ReportBody)


@router.post(
    "/report",
    summary="Tell what came of what was wanted",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ReportBody.model_json_schema()}},
        }
    },
)
def report(
    context: Current, connector: Connector, body: Annotated[ReportBody, Depends(_body)]
) -> Taken:
    """Take what is there, failed, ended or drifted; a report that comes again changes nothing."""
    with context.store.write() as transaction:
        _check(transaction.connection, connector, body.integration)
        reporting.take(transaction, connector, body.report(), now=context.now())
    return Taken()


@router.post("/secret", summary="Get the password of an integration's account")
def secret(context: Current, connector: Connector, body: SecretBody) -> SecretReply:
    """Return the secret that an integration of the connector refers to; it is put on record."""
    with context.acts.act(connector.actor, "secret.read", body.integration) as act:
        spec = _check(act.transaction.connection, connector, body.integration)
        password = spec.auth.password
        name = None if password is None else password.from_secret
        if name is None:
            raise DeniedError(
                "the integration has no secret of the CA's",
                hint=f"look at auth in it: pgward get integration {body.integration}",
            )
        connection, sealer = act.transaction.connection, context.desk.sealer
        found = kept.read_after(connection, sealer, name, body.refused)
        act.target = name
        act.details |= {"version": found.version, "integration": body.integration}
    value = b64encode(found.value).decode("ascii")
    return SecretReply(name=found.name, version=found.version, value=value)


@router.post("/passwords", summary="Get what a server keeps of access roles' passwords")
def passwords(context: Current, connector: Connector, body: PasswordsBody) -> Verifiers:
    """Return verifiers, by which nobody can log in; the passwords are made if they are not yet.

    Only roles that a live grant needs have any: what a connector asks for fills no store.
    """
    with context.acts.act(connector.actor, "access.password", body.integration) as act:
        connection = act.transaction.connection
        _check(connection, connector, body.integration)
        needed = wanted_builder.passwords(
            connection, body.integration, body.passwords, context.now()
        )
        asked = {role: each for role, each in body.passwords.items() if role in needed}
        made = access_roles.make(act.transaction, context.desk.sealer, body.integration, asked)
        act.details |= {"roles": {role: body.passwords[role] for role in made}}
        act.worth_recording = bool(made)
    return Verifiers(verifiers={role: access_roles.verifier(each) for role, each in made.items()})


@router.post("/certificate", summary="Get a certificate in the name of an integration's account")
def certificate(context: Current, connector: Connector, body: CertificateBody) -> MintReply:
    """Issue one with which the connector logs in to PostgreSQL as its own account."""
    context.limits.issuing(f"{connector.actor} for itself", context.monotonic())
    try:
        user, issued = _issued(context, connector, body)
    except PgwardError as error:
        context.acts.refused(connector.actor, _ISSUE, body.integration, error)
        raise
    with context.acts.act(connector.actor, _ISSUE, issued.serial_hex) as act:
        act.details |= {"integration": body.integration, "account": user}
    reply = replies.certificate(context.authority, issued)
    return MintReply(**dict(reply), issued_at=context.now())


def _issued(context: Context, connector: Machine, body: CertificateBody) -> tuple[str, Issued]:
    with context.store.read() as connection:
        spec = _check(connection, connector, body.integration)
        most = account_certificates.lifetime(connection, body.integration, spec)
    asked = timedelta(seconds=body.seconds)
    made = context.authority.issue_account(
        body.csr.encode(), name=spec.user, lifetime=min(asked, most)
    )
    return spec.user, made


def _check(connection: Connection, connector: Machine, integration: str) -> IntegrationSpec:
    """Return an integration that is the connector's own; raise DeniedError."""
    spec = wanted_builder.spec_of(connection, connector, integration)
    if spec is None:
        raise DeniedError(
            "this machine is the connector of no such integration",
            hint=f"look at connector in it: pgward get integration {integration[:63]}",
        )
    return spec


def _seen(context: Context, connector: Machine) -> None:
    now = context.now()
    if machines.seen_needs_writing(connector, None, now):
        with context.store.write() as transaction:
            machines.seen(transaction, connector, None, now)
