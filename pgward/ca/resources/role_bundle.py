"""The kind RoleBundle: rights with a name, on the servers of some integrations."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pgward.access.rights import ANY, MOST_BYTES
from pgward.ca.resources.model import MAX_LIST, Label, Metadata, Model
from pgward.ca.resources.privileges import OURS, RightsSpec


def role_of(bundle: str) -> str:
    """Return the name of a bundle's role on a server."""
    return OURS + bundle


class RoleBundleSpec(RightsSpec):
    """What whoever has the bundle may do; the same on each of its servers."""

    integrations: Annotated[list[Label], Field(min_length=1, max_length=MAX_LIST)]

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not (self.roles or self.privileges):
            raise ValueError("gives nothing: add roles or privileges")
        for number, each in enumerate(self.privileges):
            if ANY in each.database:
                raise ValueError(f"privileges[{number}].database is one database, not a pattern")
        return self


class RoleBundle(Model):
    """A resource of kind RoleBundle."""

    kind: Literal["RoleBundle"]
    metadata: Metadata
    spec: RoleBundleSpec

    @model_validator(mode="after")
    def _has_a_role(self) -> Self:
        most = MOST_BYTES - len(OURS)
        if len(self.metadata.name) > most:
            raise ValueError(f"has a name of more than {most} letters, which no role can have")
        return self
