"""The kind Integration: one PostgreSQL server, on which a connector makes roles and grants."""

import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pgward.access.access_role import USER, access_role
from pgward.access.people import People as AccessPeople
from pgward.access.tags import TagRule
from pgward.ca.resources import role_names
from pgward.ca.resources.account import Account
from pgward.ca.resources.durations import duration
from pgward.ca.resources.model import (
    MAX_LIST,
    Label,
    Labels,
    Metadata,
    Model,
    People,
    checked,
    words,
)
from pgward.ca.resources.privileges import OURS, Pattern
from pgward.ca.resources.role_map import Domain
from pgward.ca.resources.service_auth import Auth
from pgward.ca.resources.service_postgres import RootCert
from pgward.ca.resources.upstream import Host, LandedDatabase, Port, Role, check_host
from pgward.core import names
from pgward.core.errors import InvalidInputError

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
DETAILS = ("user", "service", "role", "database")
"""What stands in braces in the details, and is filled in as somebody connects."""
OFF = "off"
MOST_MINUTES = 5
"""Of a certificate in an account's name: a server without pgward's lists takes it to its end."""
_LEAST_EVERY = "5m"
_VERIFYING = ("verify-ca", "verify-full")
_MAYBE_PLAIN = ("disable", "allow", "prefer")
_MOST_DETAILS = 400
_LONGEST_DIRECTORY = 90
"""A socket's address has 107 bytes at most, with the name of the socket itself."""


def _role_template(value: str) -> str:
    if value.count(USER) != 1:
        raise InvalidInputError("it has no {user}", hint="for example jit_{user}")
    role_names.role_name(access_role(value, None, "x"))
    if value.lower().startswith(OURS):
        raise InvalidInputError(f"{OURS} begins the names of other roles of pgward's")
    return value


def _server(value: str) -> str:
    """Take a host as a service has it, or the directory of a Unix socket, beside the connector."""
    if not value.startswith("/"):
        return check_host(value)
    if len(value) > _LONGEST_DIRECTORY or re.fullmatch(r"(/[A-Za-z0-9._+-]+)+", value) is None:
        raise InvalidInputError(
            "is no directory of a Unix socket", hint="for example /var/run/postgresql"
        )
    return value


def _details(value: str) -> str:
    words(value)
    for name in re.findall(r"\{(\w*)\}", value):
        if name not in DETAILS:
            near = get_close_matches(name, DETAILS, n=1)
            known = ", ".join(f"{{{each}}}" for each in DETAILS)
            hint = f"did you mean {{{near[0]}}}?" if near else f"known are {known}"
            raise InvalidInputError(f"{{{name}}} stands for nothing", hint=hint)
    return value


def _every(value: str) -> str:
    if value != OFF and duration(value) < duration(_LEAST_EVERY):
        raise InvalidInputError(f"{value} is less than {_LEAST_EVERY}")
    return value


def _word(value: Any) -> Any:
    """Take YAML's bare ``off``, which it reads as false, for what is written."""
    return OFF if value is False else value


def _shorthand(value: Any) -> Any:
    """Let ``off`` stand for ``{every: off}``."""
    return {"every": OFF} if _word(value) == OFF else value


class Discovery(Model):
    """How often, and in which databases, the connector looks at what there is."""

    every: Annotated[str, BeforeValidator(_word), checked(_every)] = "1h"
    databases: Annotated[list[Pattern], Field(min_length=1, max_length=MAX_LIST)] = Field(
        default_factory=lambda: ["*"]
    )
    exclude: Annotated[list[Pattern], Field(max_length=MAX_LIST)] = Field(default_factory=list)

    @property
    def seconds(self) -> int | None:
        """Return how often; None for never."""
        return None if self.every == OFF else int(duration(self.every).total_seconds())


class ObjectTags(Model):
    """Tags of a database, of a schema of it, or of a table of that; each may be a pattern."""

    database: Pattern
    # `schema` is a method of pydantic's models.
    schema_: Annotated[Pattern | None, Field(alias="schema")] = None
    table: Pattern | None = None
    tags: Annotated[Labels, Field(min_length=1)]

    @model_validator(mode="after")
    def _has_a_schema(self) -> Self:
        if self.table is not None and self.schema_ is None:
            raise ValueError("has a table and no schema")
        return self


class IntegrationSpec(Model):
    """Which server it is, who looks after it, and what its access roles are like."""

    connector: Label | None = None
    edge: Label | None = None
    host: Annotated[str, checked(_server)]
    port: Port = 5432
    database: LandedDatabase = "postgres"
    user: Role
    auth: Auth
    ssl_mode: SslMode = "verify-full"
    ssl_root_cert: RootCert | None = None
    server_name: Host | None = None
    role_name: Annotated[str, checked(_role_template)] = USER
    strip_domain: Domain | None = None
    reassign_to: Role | None = None
    hosts: Annotated[list[Label], Field(max_length=MAX_LIST)] = Field(default_factory=list)
    owner: People | None = None
    owner_tag: Label = "owner"
    tags: Labels = Field(default_factory=dict)
    object_tags: Annotated[list[ObjectTags], Field(max_length=MAX_LIST)] = Field(
        default_factory=list
    )
    details: Annotated[str, Field(max_length=_MOST_DETAILS), checked(_details)] = ""
    discovery: Annotated[
        Discovery, BeforeValidator(_shorthand, json_schema_input_type=Discovery | Literal["off"])
    ] = Field(default_factory=Discovery)
    accounts: Annotated[list[Account], Field(max_length=MAX_LIST)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_one_connector(self) -> Self:
        if (self.connector is None) == (self.edge is None):
            raise ValueError("must have connector, or edge")
        return self

    @model_validator(mode="after")
    def _changes_each_password_once(self) -> Self:
        for name in ("user", "secret"):
            found = [getattr(each, name) for each in self.accounts]
            twice = {each for each in found if found.count(each) > 1}
            if twice:
                raise ValueError(f"has the {name} {min(twice)} in two of its accounts")
        return self

    @model_validator(mode="after")
    def _is_reached(self) -> Self:
        for name, value in (("sslRootCert", self.ssl_root_cert), ("serverName", self.server_name)):
            if value is not None and self.ssl_mode not in _VERIFYING:
                raise ValueError(f"has {name}, which sslMode: {self.ssl_mode} does not look at")
        if self.host.startswith("/") and self.server_name is not None:
            raise ValueError("has serverName, which is not looked at by a Unix socket")
        if self.auth.certificate is not None and self.ssl_mode in _MAYBE_PLAIN:
            raise ValueError(f"auth.certificate needs TLS, and sslMode is {self.ssl_mode}")
        return self

    @model_validator(mode="after")
    def _has_a_name_for_certificates(self) -> Self:
        if self.auth.certificate is not None:
            if self.auth.certificate.minutes > MOST_MINUTES:
                raise ValueError(
                    f"auth.certificate has {self.auth.certificate.minutes} minutes: an account's"
                    f" certificate lives for {MOST_MINUTES} at most"
                )
            try:
                names.person(self.user)
            except InvalidInputError as error:
                raise ValueError(
                    f"auth.certificate needs another user: {error.message}; {error.hint}"
                ) from error
        return self

    @model_validator(mode="after")
    def _hands_over_safely(self) -> Self:
        """Refuse heirs with more rights: a function that somebody made runs with its owner's."""
        heir = self.reassign_to
        if heir is not None and (heir == self.user or role_names.is_privileged(heir)):
            raise ValueError(
                f"reassignTo is {heir}: what people made would run with rights that are more"
                " than they had"
            )
        return self

    def owners(self) -> AccessPeople:
        """Return who looks after the server."""
        owner = self.owner or People()
        return AccessPeople.of(owner.users, owner.groups)

    def tag_rules(self) -> tuple[TagRule, ...]:
        """Return the tags of objects as owners are found by."""
        return tuple(
            TagRule(each.database, each.schema_ or "", each.table or "", dict(each.tags))
            for each in self.object_tags
        )

    def role_of(self, user: str) -> str:
        """Return the name of a person's access role; raise InvalidInputError if there is none."""
        role = role_names.role_name(access_role(self.role_name, self.strip_domain, user))
        if role_names.is_privileged(role) or role.lower().startswith(OURS) or role == self.user:
            raise InvalidInputError(
                f"the access role of {user} would be {role!r}, which is not for people",
                hint="change roleName of the integration, for example jit_{user}",
            )
        return role


class Integration(Model):
    """A resource of kind Integration."""

    kind: Literal["Integration"]
    metadata: Metadata
    spec: IntegrationSpec
