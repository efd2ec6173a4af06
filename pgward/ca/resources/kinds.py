"""The kinds of resources as models: what a person may write in YAML, in camelCase."""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pgward.ca.resources.certificate_profile import CertificateProfile
from pgward.ca.resources.fields import explain
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.login_rule import LoginRule
from pgward.ca.resources.model import MAX_LIST, Label, Metadata, Model, Person, checked
from pgward.ca.resources.role_map import RoleMap
from pgward.core import names
from pgward.core.errors import InvalidInputError, NotFoundError


def _host(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        return names.dns_name(value)


def _database(value: str) -> str:
    if not re.fullmatch(r"[^\x00-\x1f\x7f]{1,63}", value):
        raise InvalidInputError("a database name has 1 to 63 printable letters")
    return value


Host = Annotated[str, checked(_host)]
Database = Annotated[str, checked(_database)]
Limit = Annotated[int, Field(ge=1, le=1_000_000)]


class Upstream(Model):
    """Where PostgreSQL listens, as the edges reach it."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 5432


class Allow(Model):
    """Who may use a service: members of any of the groups, and the people named."""

    groups: Annotated[list[Label], Field(max_length=MAX_LIST)] = Field(default_factory=list)
    users: Annotated[list[Person], Field(max_length=MAX_LIST)] = Field(default_factory=list)


class Limits(Model):
    """How many connections an edge lets through at once."""

    max_connections: Limit | None = None
    max_connections_per_user: Limit | None = None


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


class ServiceSpec(Model):
    """One PostgreSQL target as people see it."""

    mode: Literal["tcp"] = "tcp"
    upstream: Upstream
    server_name: Host | None = None
    ssl_mode: Literal["verify-full", "verify-ca", "require", "prefer", "disable"] = "verify-full"
    database: Database | None = None
    allow: Allow
    limits: Limits = Field(default_factory=Limits)
    step_up: StepUp | None = None
    edges: Annotated[list[Label], Field(min_length=1, max_length=MAX_LIST)] | None = None

    def is_for(self, user: str, groups: tuple[str, ...]) -> bool:
        """Tell whether a person may use the service; names without regard to case."""
        allowed = {name.lower() for name in self.allow.users}
        return user.lower() in allowed or not set(groups).isdisjoint(self.allow.groups)

    def is_on(self, edge: str) -> bool:
        """Tell whether an edge serves it."""
        return self.edges is None or edge in self.edges


class Service(Model):
    """A resource of kind Service."""

    kind: Literal["Service"]
    metadata: Metadata
    spec: ServiceSpec


Resource = Service | CertificateProfile | IdentityProvider | LoginRule | RoleMap
KINDS: dict[str, type[Resource]] = {
    "Service": Service,
    "CertificateProfile": CertificateProfile,
    "IdentityProvider": IdentityProvider,
    "LoginRule": LoginRule,
    "RoleMap": RoleMap,
}


def canonical(text: str) -> str:
    """Return the kind for what people write (``service``, ``services``); raise NotFoundError."""
    wanted = text.lower().removesuffix("s")
    for kind in KINDS:
        if kind.lower() == wanted:
            return kind
    raise NotFoundError(f"there is no kind {text!r}", hint=f"known are {', '.join(KINDS)}")


def read(kind: str, body: Any) -> Resource:
    """Read a resource; raise FieldsError."""
    model = KINDS[kind]
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise explain(error.errors(include_url=False), model) from None
