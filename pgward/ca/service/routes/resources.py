"""Resources: declared by administrators, one at a time or several at once."""

import re
from typing import Annotated, Any

from fastapi import Body as JsonBody
from fastapi import Header, Query, Response
from pydantic import BaseModel, Field

from pgward.ca.resources import kinds, shelf
from pgward.ca.resources.fields import FieldError, FieldsError
from pgward.ca.resources.model import checked, words
from pgward.ca.service import applying, strict
from pgward.ca.service.applying import Done, Terms, Wanted
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Change, Flag, Name, ResourceChange, Storable
from pgward.core.errors import InvalidInputError

router = strict.router("resources")
PATH = f"{strict.PREFIX}/resources"
MAX_BODY = 1024 * 1024
_ETAG = re.compile(r'"?(\d{1,9})"?')
Reason = Annotated[str, Field(max_length=500), Storable, checked(words)]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="the version that must be stored now")
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="`*`: none may be there yet")
]
DryRun = Annotated[bool, Query(description="check everything, change nothing")]
AllowLockout = Annotated[
    bool, Query(description="also a login rule under which no administrator could log in")
]
Untried = Annotated[bool, Query(description="also an identity provider that cannot be used now")]
Why = Annotated[Reason, Query(description="why, for the history and the audit log")]
_STALE: dict[int | str, dict[str, Any]] = {
    412: {"description": "If-Match or If-None-Match does not hold"}
}


class Resources(BaseModel):
    """All resources of a kind, by name."""

    resources: list[dict[str, Any]]


class ResourceReply(BaseModel):
    """One resource."""

    resource: dict[str, Any]


class Deletion(Body):
    """A resource that is to go; ``version``, if given, must be the stored one."""

    kind: Name
    name: Name
    version: int | None = None


class Several(Body):
    """Resources that are to be, and such that are to go: all of it is done, or nothing."""

    resources: Annotated[list[Any], Field(max_length=applying.MAX_TOGETHER)] = Field(
        default_factory=list
    )
    delete: Annotated[list[Deletion], Field(max_length=applying.MAX_TOGETHER)] = Field(
        default_factory=list
    )
    dry_run: Flag = False
    allow_lockout: Flag = False
    untried: Flag = False
    reason: Reason = ""


class Changes(BaseModel):
    """What became of each, in the order of the request: resources, then deletions."""

    changes: list[ResourceChange]


@router.get("/resources/{kind}", summary="List resources of a kind")
def every(
    context: Current,
    _by: Administrator,
    kind: str,
    limit: Annotated[int | None, Query(ge=1, le=applying.MAX_TOGETHER)] = None,
    after: Annotated[Name | None, Query(description="only those behind this name")] = None,
) -> Resources:
    """Return resources as they can be applied again, by name: all, or a page of them."""
    real = kinds.canonical(kind)
    with context.store.read() as connection:
        if limit is None and after is None:
            found = shelf.every(connection, real)
        else:
            found = shelf.page(connection, real, after or "", limit or applying.MAX_TOGETHER)
    return Resources(resources=[each.to_json() for each in found])


@router.get("/resources/{kind}/{name}", summary="Show a resource")
def show(
    context: Current, _by: Administrator, kind: str, name: str, response: Response
) -> ResourceReply:
    """Return a resource as it can be applied again; its version is the ETag."""
    with context.store.read() as connection:
        found = shelf.get(connection, kinds.canonical(kind), name)
    return ResourceReply(resource=tagged(found.to_json(), response))


@router.post("/resources", summary="Create, change and delete several resources")
async def several(context: Current, by: Administrator, body: Several) -> Changes:
    """Do all of it, or nothing; wrong fields are named by their path in the request (422).

    It is 409 where all of it is right, and collides with what is there.
    """
    deletions = [(each.kind, each.name, each.version) for each in body.delete]
    wanted = applying.read_all(body.resources, deletions)
    terms = Terms(by.user.name, body.reason, body.dry_run, body.allow_lockout, body.untried)
    found = await applying.together(context, wanted, terms)
    return Changes(changes=[change_of(each) for each in found])


@router.put("/resources/{kind}/{name}", summary="Create or change a resource", responses={**_STALE})
async def put(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    by: Administrator,
    kind: str,
    name: str,
    body: Annotated[Any, JsonBody(description="the resource: kind, metadata, spec")],
    response: Response,
    dry_run: DryRun = False,
    allow_lockout: AllowLockout = False,
    untried: Untried = False,
    reason: Why = "",
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> ResourceChange:
    """Make the resource what the body says; wrong fields are named by their path (422).

    An identity provider is tried out before, unless nothing of it changes.
    """
    version = version_of(if_match, if_none_match)
    wanted = _wanted(kinds.canonical(kind), name, body, version)
    terms = Terms(by.user.name, reason, dry_run, allow_lockout, untried)
    change = change_of(await applying.one(context, wanted, terms))
    if change.resource is not None and not dry_run:
        tagged(change.resource, response)
    return change


@router.delete("/resources/{kind}/{name}", summary="Delete a resource", responses={**_STALE})
async def delete(  # noqa: PLR0917 - as above
    context: Current,
    by: Administrator,
    kind: str,
    name: str,
    reason: Why = "",
    if_match: IfMatch = None,
) -> Change:
    """Delete a resource; edges stop serving it at once."""
    wanted = Wanted(kinds.canonical(kind), name, None, version_of(if_match))
    done = await applying.one(context, wanted, Terms(by.user.name, reason))
    return Change(change=done.change)


def change_of(done: Done) -> ResourceChange:
    """Show what became of a resource."""
    return ResourceChange(
        resource=done.resource, change=done.change, before=done.before, notes=done.notes
    )


def tagged(resource: dict[str, Any], response: Response) -> dict[str, Any]:
    """Give an answer the version of the resource in it as its ETag; return the resource."""
    response.headers["ETag"] = f'"{resource["metadata"]["version"]}"'
    return resource


def _wanted(kind: str, name: str, body: Any, version: int | None) -> Wanted:
    wanted = kinds.read(kind, body)
    if wanted.metadata.name != name:
        raise FieldsError([FieldError("metadata.name", f"is not {name!r}, as the address says")])
    return Wanted(kind, name, wanted, version)


def version_of(if_match: str | None, if_none_match: str | None = None) -> int | None:
    """Return the version that must be there; 0 for none (RFC 9110 sections 13.1.1, 13.1.2)."""
    if if_none_match is not None:
        if if_none_match.strip() != "*" or if_match is not None:
            raise InvalidInputError("If-None-Match is not *, alone", hint="If-None-Match: *")
        return 0
    if if_match is None:
        return None
    match = _ETAG.fullmatch(if_match)
    if match is None:
        raise InvalidInputError("If-Match is not a version", hint='for example If-Match: "3"')
    return int(match[1])
