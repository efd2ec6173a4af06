"""The kind RoleMap: which people are which PostgreSQL roles on some hosts."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pgward.ca.resources import role_names
from pgward.ca.resources.model import MAX_LIST, Label, Metadata, Model, People, checked
from pgward.core import names

MAX_RULES = 200
MAX_ROLES = 100

Role = Annotated[str, checked(role_names.role_name)]
Domain = Annotated[str, checked(names.dns_name)]


class Rule(People):
    """People, and the roles that they may log in as; ``{user}`` is the role of their name."""

    roles: Annotated[list[Role], Field(max_length=MAX_ROLES)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not (self.users or self.groups):
            raise ValueError("names nobody: give users or groups")
        return self


class Roles(Model):
    """Whether each person gets a role of their own, and what it is like."""

    manage: bool = False
    member_of: Annotated[list[Role], Field(max_length=MAX_ROLES)] = Field(default_factory=list)
    connection_limit: Annotated[int, Field(ge=1, le=10_000)] | None = None
    drop: Literal["never", "unowned"] = "never"

    @model_validator(mode="after")
    def _manages(self) -> Self:
        said = self.member_of or self.connection_limit or self.drop != "never"
        if said and not self.manage:
            raise ValueError("says what managed roles are like: add manage: true")
        return self


class RoleMapSpec(Model):
    """Who is who on the hosts."""

    hosts: Annotated[list[Label], Field(min_length=1, max_length=MAX_LIST)]
    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)]
    roles: Roles = Field(default_factory=Roles)
    strip_domain: Domain | None = None
    allow_superuser: bool = False
    max_removed_percent: Annotated[int, Field(ge=1, le=100)] = 50

    @model_validator(mode="after")
    def _check(self) -> Self:
        """See that nobody becomes a superuser by it, and that each rule gives something."""
        if role_names.OWN in self.roles.member_of:
            raise ValueError("roles.memberOf names no role of a person's own")
        if not self.roles.manage and not all(rule.roles for rule in self.rules):
            raise ValueError("rules without roles need roles.manage: true")
        if self.allow_superuser:
            return self
        for name in (role for rule in self.rules for role in rule.roles):
            if role_names.is_privileged(name):
                raise ValueError(_refusal(name, "a superuser, or PostgreSQL's own"))
        for name in self.roles.member_of:
            if role_names.makes_superuser(name):
                raise ValueError(_refusal(name, "as good as a superuser"))
        return self

    def own_role(self, user: str) -> str:
        """Return the name of a person's own role."""
        end = f"@{self.strip_domain}"
        stripped = self.strip_domain is not None and user.lower().endswith(end)
        return user[: -len(end)] if stripped else user


class RoleMap(Model):
    """A resource of kind RoleMap."""

    kind: Literal["RoleMap"]
    metadata: Metadata
    spec: RoleMapSpec


def _refusal(name: str, what: str) -> str:
    return f"the role {name!r} is {what}: add allowSuperuser: true if that is meant"
