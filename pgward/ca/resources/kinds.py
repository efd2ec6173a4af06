"""The kinds of resources as models: what a person may write in YAML, in camelCase."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pgward.ca.resources.access_flow import AccessFlow
from pgward.ca.resources.certificate_profile import CertificateProfile
from pgward.ca.resources.durations import Duration
from pgward.ca.resources.fields import explain
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.integration import Integration
from pgward.ca.resources.login_rule import LoginRule
from pgward.ca.resources.model import MAX_LIST, Label, Labels, Metadata, Model, Person
from pgward.ca.resources.person import Group, User
from pgward.ca.resources.policy import Policy
from pgward.ca.resources.role_bundle import RoleBundle
from pgward.ca.resources.role_map import RoleMap
from pgward.ca.resources.secret import Secret
from pgward.ca.resources.service_postgres import PostgresSpec, SslMode
from pgward.ca.resources.upstream import Database, Host, Upstream
from pgward.core.errors import NotFoundError

Limit = Annotated[int, Field(ge=1, le=1_000_000)]


class Allow(Model):
    """Who may use a service: members of any of the groups, and the people named."""

    groups: Annotated[list[Label], Field(max_length=MAX_LIST)] = Field(default_factory=list)
    users: Annotated[list[Person], Field(max_length=MAX_LIST)] = Field(default_factory=list)


class Limits(Model):
    """How many connections an edge lets through at once; in ``mode: postgres`` also how long."""

    max_connections: Limit | None = None
    max_connections_per_user: Limit | None = None
    statement_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    idle_in_transaction_timeout: Duration | None = None
    session_timeout: Duration | None = None
    warn_before: Duration | None = None

    def timed(self) -> list[str]:
        """Return the limits of time that are set, as people write them."""
        times = ("statement", "idle", "idle_in_transaction", "session")
        names = [*(f"{each}_timeout" for each in times), "warn_before"]
        fields = Limits.model_fields
        return [str(fields[name].alias) for name in names if getattr(self, name) is not None]


StepUpFactor = Literal["totp", "webauthn", "recovery", "mfa", "oidc", "password"]
BY_PROVIDER: frozenset[StepUpFactor] = frozenset({"mfa", "oidc"})
"""Those that a fresh login at an identity provider proves."""


def _strong() -> list[StepUpFactor]:
    return ["totp", "webauthn"]


class StepUp(Model):
    """How fresh a second factor must be, and which count.

    Running connections go on when the time is over, unless ``endSessions`` says otherwise.
    """

    minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 15
    factors: Annotated[list[StepUpFactor], Field(min_length=1, max_length=6)] = Field(
        default_factory=_strong
    )
    end_sessions: bool = False


class WebClient(Model):
    """People may run SQL there in a browser; with ``export`` they may save answers as files."""

    export: bool = False


_OF_THE_EDGE = "is how clients check PostgreSQL; in mode: postgres edges do: postgres.{}"


class ServiceSpec(Model):
    """One PostgreSQL target as people see it.

    What is right in one mode only is looked at behind the mode, so that errors name the field.
    """

    mode: Literal["tcp", "postgres"] = "tcp"
    upstream: Annotated[Upstream | None, Field(validate_default=True)] = None
    server_name: Host | None = None
    ssl_mode: Annotated[SslMode | None, Field(validate_default=True)] = None
    database: Database | None = None
    labels: Labels | None = None
    allow: Allow
    limits: Limits = Field(default_factory=Limits)
    step_up: StepUp | None = None
    integration: Label | None = None
    edges: Annotated[list[Label], Field(min_length=1, max_length=MAX_LIST)] | None = None
    postgres: Annotated[PostgresSpec | None, Field(validate_default=True)] = None
    web_client: WebClient | None = None

    @field_validator("upstream")
    @classmethod
    def _upstream(cls, value: Upstream | None, info: ValidationInfo) -> Upstream | None:
        if value is None and _mode(info) == "tcp":
            raise PydanticCustomError("missing", "is missing")
        return value

    @field_validator("server_name")
    @classmethod
    def _server_name(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and _mode(info) == "postgres":
            raise ValueError(_OF_THE_EDGE.format("serverName"))
        return value

    @field_validator("ssl_mode")
    @classmethod
    def _ssl_mode(cls, value: SslMode | None, info: ValidationInfo) -> SslMode | None:
        if _mode(info) == "tcp":
            return value or "verify-full"
        if value is not None and _mode(info) == "postgres":
            raise ValueError(_OF_THE_EDGE.format("sslMode"))
        return value

    @field_validator("limits")
    @classmethod
    def _limits(cls, value: Limits, info: ValidationInfo) -> Limits:
        if _mode(info) == "tcp" and value.timed():
            raise ValueError(f"has {value.timed()[0]}, which only mode: postgres can keep")
        return value

    @field_validator("postgres")
    @classmethod
    def _postgres(cls, value: PostgresSpec | None, info: ValidationInfo) -> PostgresSpec | None:
        if _mode(info) == "tcp" and value is not None:
            raise ValueError("needs mode: postgres")
        if _mode(info) != "postgres":
            return value
        if value is None:
            raise PydanticCustomError("missing", "is missing")
        upstream = info.data.get("upstream")
        if upstream is not None and value.upstreams is not None:
            raise ValueError("has upstreams, and the service has upstream: remove one")
        problem = value.problem(upstream)
        if problem is not None:
            raise ValueError(problem)
        if value.has_passwords_of_grants() and not info.data.get("integration"):
            raise ValueError("has password.fromGrant, which needs integration in the service")
        return value

    @field_validator("web_client")
    @classmethod
    def _web_client(cls, value: WebClient | None, info: ValidationInfo) -> WebClient | None:
        if value is not None and _mode(info) == "tcp":
            raise ValueError("needs mode: postgres, where the edge reads each statement")
        postgres = info.data.get("postgres")
        if value is not None and postgres is not None and not postgres.login.certificate:
            raise ValueError("comes by a certificate, and postgres.login.certificate is false")
        return value

    @property
    def client_ssl_mode(self) -> str:
        """How clients speak TLS inside the tunnel; in ``mode: postgres`` the edge is the end."""
        return self.ssl_mode or "disable"

    def upstreams(self) -> list[Upstream]:
        """Return every server that it may lead to, each once."""
        found = [] if self.upstream is None else [self.upstream]
        if self.postgres is not None:
            for config in (self.postgres, *self.postgres.configs.values()):
                found += config.upstreams or []
        return [each for place, each in enumerate(found) if each not in found[:place]]

    def server_names(self) -> set[str]:
        """Return the names, in lower case, that its servers' certificates have instead."""
        found = {self.server_name}
        if self.postgres is not None:
            found |= {each.server_name for each in self.postgres.configs.values()}
            found.add(self.postgres.server_name)
        return {name.lower() for name in found if name is not None}

    def opened(self) -> str | None:
        """Return the database that clients open unless they say another."""
        if self.database is not None or self.postgres is None or self.postgres.database is None:
            return self.database
        return self.postgres.database.force or self.postgres.database.default

    def is_for(self, user: str, groups: tuple[str, ...]) -> bool:
        """Tell whether a person may use the service; names without regard to case."""
        allowed = {name.lower() for name in self.allow.users}
        return user.lower() in allowed or not set(groups).isdisjoint(self.allow.groups)

    def is_on(self, edge: str) -> bool:
        """Tell whether an edge serves it."""
        return self.edges is None or edge in self.edges


def _mode(info: ValidationInfo) -> str | None:
    """Return the mode; None where that itself is wrong."""
    found: str | None = info.data.get("mode")
    return found


class Service(Model):
    """A resource of kind Service."""

    kind: Literal["Service"]
    metadata: Metadata
    spec: ServiceSpec


Resource = (
    Service
    | AccessFlow
    | CertificateProfile
    | Group
    | IdentityProvider
    | Integration
    | LoginRule
    | Policy
    | RoleBundle
    | RoleMap
    | Secret
    | User
)
KINDS: dict[str, type[Resource]] = {
    "Service": Service,
    "AccessFlow": AccessFlow,
    "CertificateProfile": CertificateProfile,
    "Group": Group,
    "IdentityProvider": IdentityProvider,
    "Integration": Integration,
    "LoginRule": LoginRule,
    "Policy": Policy,
    "RoleBundle": RoleBundle,
    "RoleMap": RoleMap,
    "Secret": Secret,
    "User": User,
}


def plural(kind: str) -> str:
    """Return what people call several resources of a kind, in lower case."""
    return f"{kind.lower().removesuffix('y')}{'ies' if kind.endswith('y') else 's'}"


def canonical(text: str) -> str:
    """Return the kind for what people write (``service``, ``services``); raise NotFoundError."""
    wanted = text.lower()
    for kind in KINDS:
        if wanted in (kind.lower(), plural(kind)):
            return kind
    near = get_close_matches(wanted, {kind.lower(): kind for kind in KINDS}, n=1)
    found = next((kind for kind in KINDS if kind.lower() in near), None)
    hint = f"did you mean {found}?" if found else f"known are {', '.join(KINDS)}"
    raise NotFoundError(f"there is no kind {text!r}", hint=hint)


def read(kind: str, body: Any) -> Resource:
    """Read a resource; raise FieldsError."""
    model = KINDS[kind]
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise explain(error.errors(include_url=False), model) from None
