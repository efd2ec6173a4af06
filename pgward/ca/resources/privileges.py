"""Privileges on objects and memberships in roles, as role bundles and access flows write them."""

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from pgward.access.rights import ANY, MOST_BYTES, PRIVILEGES, ObjectKind, ObjectRights, Rights
from pgward.ca.resources import role_names
from pgward.ca.resources.model import Model, checked
from pgward.ca.resources.upstream import Role
from pgward.core.errors import InvalidInputError

MAX_ROLES = 100
MAX_PRIVILEGES = 500
OURS = "pgward_"
"""Begins the names of roles that pgward makes or is: nobody is made a member of one by name."""


def _pattern(value: str) -> str:
    if not re.fullmatch(r"[^\x00-\x1f\x7f]+", value):
        raise InvalidInputError(f"{value!r} is no name", hint="printable letters, * for any")
    if len(value.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise InvalidInputError(f"a name has at most {MOST_BYTES} bytes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInputError("that name is not Unicode") from None
    return value


def _privilege(value: str) -> str:
    return value.upper()


Pattern = Annotated[str, checked(_pattern)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=1000)]
Privilege = Annotated[str, Field(max_length=20), checked(_privilege)]


class Privileges(Model):
    """What is granted on a database, a schema, or on tables, sequences or functions of schemas.

    ``future``: on those, too, that are made later.
    """

    database: Pattern
    # `schema` is a method of pydantic's models.
    schema_: Annotated[Pattern | None, Field(alias="schema")] = None
    tables: Patterns | None = None
    sequences: Patterns | None = None
    functions: Patterns | None = None
    grant: Annotated[list[Privilege], Field(min_length=1, max_length=20)]
    future: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        named = self._named()
        if len(named) > 1:
            raise ValueError("has tables, sequences and functions: make an entry for each")
        if named and self.schema_ is None:
            raise ValueError("has no schema")
        if self.future and not named:
            raise ValueError("has future, which is for tables, sequences and functions")
        known = PRIVILEGES[self.kind]
        wrong = next((each for each in self.grant if each not in known), None)
        if wrong is not None:
            also = ", ".join(sorted(known))
            raise ValueError(f"grants {wrong}, which no {self.kind} has; known are {also}")
        return self

    @property
    def kind(self) -> ObjectKind:
        """On what these privileges are."""
        if self.tables is not None:
            return "table"
        if self.sequences is not None:
            return "sequence"
        if self.functions is not None:
            return "function"
        return "database" if self.schema_ is None else "schema"

    def objects(self) -> frozenset[ObjectRights]:
        """Return it as the planner reads it."""
        granted = tuple(sorted(set(self.grant)))
        if self.kind == "database":
            names = [("", "")]
        elif self.kind == "schema":
            names = [("", self.schema_ or ANY)]
        else:
            names = [(self.schema_ or ANY, each) for each in self._named()[0]]
        return frozenset(
            ObjectRights(self.database, self.kind, schema, name, granted, self.future)
            for schema, name in names
        )

    def _named(self) -> list[list[str]]:
        return [each for each in (self.tables, self.sequences, self.functions) if each is not None]


class RightsSpec(Model):
    """Memberships in the server's own roles, and privileges on objects."""

    roles: Annotated[list[Role], Field(max_length=MAX_ROLES)] = Field(default_factory=list)
    privileges: Annotated[list[Privileges], Field(max_length=MAX_PRIVILEGES)] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _roles_are_harmless(self) -> Self:
        for name in self.roles:
            if name.lower().startswith(OURS):
                raise ValueError(f"names the role {name!r}: roles of pgward's own are not given")
            if role_names.makes_superuser(name):
                raise ValueError(
                    f"names the role {name!r}, which is as good as a superuser:"
                    " what a superuser leaves behind cannot be taken away"
                )
        return self

    def rights(self) -> Rights:
        """Return it as the planner reads it."""
        objects = frozenset(each for entry in self.privileges for each in entry.objects())
        return Rights(frozenset(self.roles), objects)
