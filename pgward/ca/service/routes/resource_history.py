"""What resources were: every version with who made it, when and why; and back to one of them."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field

from pgward.ca.resources import history, kinds
from pgward.ca.resources.fields import FieldsError
from pgward.ca.resources.history import Version
from pgward.ca.service import applying, strict
from pgward.ca.service.applying import Terms, Wanted
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Flag, ResourceChange, Time
from pgward.ca.service.routes.resources import IfMatch, Reason, change_of, tagged, version_of
from pgward.core.errors import ConflictError

router = strict.router("resources")
_MOST = 2**31 - 1  # what the database keeps


class PastVersion(BaseModel):
    """One version; ``spec`` is null for a deletion."""

    kind: str
    version: int
    change: Literal["created", "updated", "deleted"]
    at: Time
    by: str
    reason: str
    restored: Annotated[int | None, Field(description="the version that a rollback brought back")]
    description: str
    spec: dict[str, Any] | None

    @classmethod
    def of(cls, version: Version) -> "PastVersion":
        """Show a version."""
        return cls(
            kind=version.kind,
            version=version.version,
            change=version.change,
            at=version.changed_at,
            by=version.changed_by,
            reason=version.reason,
            restored=version.restored,
            description=version.description,
            spec=version.spec,
        )


class History(BaseModel):
    """Versions of one resource, the newest first; ``next`` is ``before`` for the page behind."""

    versions: list[PastVersion]
    next: int | None


class Back(Body):
    """Which version to go back to; without one, to what was before the last change."""

    to: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    dry_run: Flag = False
    allow_lockout: Flag = False
    untried: Flag = False
    reason: Reason = ""


@router.get("/resources/{kind}/{name}/history", summary="Show what a resource was")
def past(
    context: Current,
    _by: Administrator,
    kind: str,
    name: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    before: Annotated[
        int | None, Query(ge=1, le=_MOST, description="only older versions than this")
    ] = None,
) -> History:
    """Return every version, also of one that was deleted."""
    real = kinds.canonical(kind)
    with context.store.read() as connection:
        found = history.of(connection, real, name, before=before, limit=limit)
        if not found:
            history.check_known(connection, real, name)
    more = found[-1].version if len(found) == limit and found[-1].version > 1 else None
    return History(versions=[PastVersion.of(each) for each in found], next=more)


@router.post("/resources/{kind}/{name}/rollback", summary="Go back to what a resource was")
async def rollback(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    by: Administrator,
    kind: str,
    name: str,
    body: Back,
    response: Response,
    if_match: IfMatch = None,
) -> ResourceChange:
    """Make it what it was, as a new version; also one that was deleted.

    It is checked as if it were applied now (409 where it cannot be any more).
    """
    wanted = _then(context, kinds.canonical(kind), name, body.to, version_of(if_match))
    terms = Terms(by.user.name, body.reason, body.dry_run, body.allow_lockout, body.untried)
    change = change_of(await applying.one(context, wanted, terms))
    if change.resource is not None and not body.dry_run:
        tagged(change.resource, response)
    return change


def _then(context: Context, kind: str, name: str, to: int | None, guard: int | None) -> Wanted:
    with context.store.read() as connection:
        if to is None:
            found = history.before_last(connection, kind, name)
        else:
            history.check_known(connection, kind, name)
            found = history.get(connection, kind, name, to)
    try:
        resource = kinds.read(kind, found.body())
    except FieldsError as error:
        raise ConflictError(
            f"version {found.version} of {kind} {name!r} is not right any more: {error.message}",
            hint=f"pgward history {kind.lower()} {name} --version {found.version} -o yaml",
        ) from error
    return Wanted(kind, name, resource, guard, restored=found.version)
