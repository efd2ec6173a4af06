"""Who can reach what, as auditors see it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import BaseModel

from pgward.ca.reviews import report
from pgward.ca.reviews.report import Line
from pgward.ca.reviews.rights import Wanted
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Current
from pgward.ca.service.models import Storable, Time
from pgward.ca.service.review_models import Path

router = strict.router("access", prefix=f"{strict.PREFIX}/access")
Word = Annotated[str, Query(max_length=63), Storable]


class RightModel(BaseModel):
    """One way of somebody's to something; ``user`` null is all ``members`` of ``group``.

    ``by`` is the resource that says so. ``since`` is at the latest, null where nobody knows;
    ``unused`` null: it ends by itself, or nothing would tell of its use. ``blocked``: the person
    may not log in at all. ``flagged`` says what is wrong with a role that bears pgward's mark.
    """

    path: Path
    user: str | None
    group: str | None
    members: int | None
    service: str | None
    integration: str | None
    host: str | None
    role: str | None
    by: str
    since: Time | None
    until: Time | None
    last_used: Time | None
    unused: bool | None
    blocked: bool
    flagged: str | None

    @classmethod
    def of(cls, line: Line) -> Self:
        """Make it of a line."""
        right = line.right
        names = ("path", "user", "group", "service", "integration", "host", "role", "until")
        made: dict[str, Any] = {name: getattr(right, name) for name in names}
        return cls(
            **made,
            by="/".join(right.resource),
            members=line.members,
            since=line.since,
            last_used=line.last_used,
            unused=line.unused,
            blocked=line.blocked,
            flagged=right.flagged,
        )


class ReportReply(BaseModel):
    """Rights by service, then role map, then server; ``after`` leads to the next page.

    A page may end before it is full.
    """

    at: Time
    rights: list[RightModel]
    after: str | None


@router.get("/report", summary="Report who can reach what")
def show(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    by: Auditor,
    user: Word | None = None,
    group: Word | None = None,
    service: Word | None = None,
    path: Path | None = None,
    people: Annotated[bool, Query(description="each member of groups")] = False,
    unused: Annotated[bool, Query(description="only what nobody used")] = False,
    unused_days: Annotated[int, Query(ge=1, le=3650)] = 90,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=4000)] = None,
) -> ReportReply:
    """Return who can reach what, by which path, since when, and when it was last used."""
    now: datetime = context.now()
    if after is None:
        asked = {"user": user, "group": group, "service": service, "path": path}
        with context.acts.act(by.user.name, "access.report") as act:
            act.details |= {name: value for name, value in asked.items() if value is not None}
    with context.store.read() as connection:
        found, following = report.page(
            connection,
            Wanted(user, group, service, path, people),
            now,
            unused_for=timedelta(days=unused_days),
            only_unused=unused,
            after=after,
            limit=limit,
        )
    return ReportReply(at=now, rights=[RightModel.of(each) for each in found], after=following)
