"""Groups: they exist while they have members."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from pgward.ca.identity import directory, people
from pgward.ca.login import lockout
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Name

router = strict.router("people: administration")
Members = Annotated[list[Name], Field(max_length=1000)]


class Group(BaseModel):
    """A group and who is in it; ``members`` is empty where only their number was asked for."""

    name: str
    members: list[str]
    size: int


class Groups(BaseModel):
    """All groups, by name."""

    groups: list[Group]


class MemberChange(Body):
    """Who comes and who goes."""

    add: Members = Field(default_factory=list)
    remove: Members = Field(default_factory=list)


@router.get("/groups", summary="List groups")
def every(
    context: Current,
    _by: Administrator,
    members: Annotated[bool, Query(description="false for their number only")] = True,
) -> Groups:
    """Return the groups with their members."""
    with context.store.read() as connection:
        if not members:
            sizes = people.group_sizes(connection).items()
            return Groups(groups=[Group(name=name, members=[], size=size) for name, size in sizes])
        found = directory.groups(connection)
    return Groups(groups=[_group(name, those) for name, those in found.items()])


@router.post("/groups/{name}/members", summary="Change who is in a group")
def change(context: Current, by: Administrator, name: str, body: MemberChange) -> Group:
    """Add and remove members; the last administrator who can log in stays one (409)."""
    with context.acts.act(by.user.name, "group.members", name) as act:
        with lockout.guarded(act.transaction):
            members = directory.change_members(
                act.transaction, name, add=body.add, remove=body.remove
            )
        act.details |= {"add": body.add, "remove": body.remove}
    return _group(name, members)


def _group(name: str, members: list[str]) -> Group:
    return Group(name=name, members=members, size=len(members))
