"""Groups: they exist while they have members."""

from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca.identity import directory
from pgward.ca.login import lockout
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Name

router = strict.router("people: administration")
Members = Annotated[list[Name], Field(max_length=1000)]


class Group(BaseModel):
    """A group and who is in it."""

    name: str
    members: list[str]


class Groups(BaseModel):
    """All groups, by name."""

    groups: list[Group]


class MemberChange(Body):
    """Who comes and who goes."""

    add: Members = Field(default_factory=list)
    remove: Members = Field(default_factory=list)


@router.get("/groups", summary="List groups")
def every(context: Current, _by: Administrator) -> Groups:
    """Return the groups with their members."""
    with context.store.read() as connection:
        found = directory.groups(connection)
    return Groups(groups=[Group(name=name, members=members) for name, members in found.items()])


@router.post("/groups/{name}/members", summary="Change who is in a group")
def change(context: Current, by: Administrator, name: str, body: MemberChange) -> Group:
    """Add and remove members; the last administrator who can log in stays one (409)."""
    with context.acts.act(by.user.name, "group.members", name) as act:
        with lockout.guarded(act.transaction):
            members = directory.change_members(
                act.transaction, name, add=body.add, remove=body.remove
            )
        act.details |= {"add": body.add, "remove": body.remove}
    return Group(name=name, members=members)
