"""The kinds User and Group: people and who belongs together, as far as a file may say it.

A file says who people are, never whether they get in: passwords, second factors, devices and blocks
are acts, and an old file must undo none of them.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from pgward.ca.resources.model import MAX_LIST, Label, Metadata, Model, Person
from pgward.core.clock import parse_rfc3339, rfc3339


def _moment(value: str) -> str:
    try:
        return rfc3339(parse_rfc3339(value))
    except (ValueError, OverflowError):
        raise ValueError("is not a time in RFC 3339, like 2026-11-21T09:00:00Z") from None


Moment = Annotated[str, AfterValidator(_moment)]


class _PersonMetadata(Metadata):
    @field_validator("description")
    @classmethod
    def _none(cls, value: str) -> str:
        if value:
            raise ValueError("is not kept of people and groups")
        return value


class UserMetadata(_PersonMetadata):
    """A person's name may have capitals, and what e-mail addresses have."""

    name: Person


class GroupMetadata(_PersonMetadata):
    """A group's name is one like those of other resources."""


class UserSpec(Model):
    """Who somebody is; what is not said stays as it is, and null takes a date away."""

    full_name: Annotated[str, Field(max_length=200)] = ""
    email: Annotated[str, Field(max_length=200)] = ""
    groups: Annotated[list[Label], Field(max_length=MAX_LIST)] | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None

    def said(self) -> dict[str, Any]:
        """Return what is said, in camelCase; groups that are null are not said."""
        found = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if found.get("groups") is None:
            found.pop("groups", None)
        return found

    @property
    def begins(self) -> datetime | None:
        """Return when the account begins."""
        return None if self.valid_from is None else parse_rfc3339(self.valid_from)

    @property
    def ends(self) -> datetime | None:
        """Return when the account ends."""
        return None if self.valid_until is None else parse_rfc3339(self.valid_until)


class User(Model):
    """A resource of kind User."""

    kind: Literal["User"]
    metadata: UserMetadata
    spec: UserSpec = Field(default_factory=UserSpec)


class GroupSpec(Model):
    """Who is in it: these people and nobody else. A group without members does not exist."""

    members: Annotated[list[Person], Field(min_length=1, max_length=MAX_LIST)]


class Group(Model):
    """A resource of kind Group."""

    kind: Literal["Group"]
    metadata: GroupMetadata
    spec: GroupSpec
