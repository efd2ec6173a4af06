"""``/audit/map``: who reaches what, and by which path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.models import Storable
from pgward.ca.service.review_models import Path
from pgward.ca.service.routes import access_report
from pgward.client.access import reporting
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.portal.charts import links
from pgward.portal.charts.links import Link, LinkMap
from pgward.portal.pages.audit import asked, exports, searches
from pgward.portal.pages.audit.asked import Query
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Auditor, Frame

router = route.router()
PAGE = "/audit/map"
_ON_A_PAGE = 25
_PER_PAGE_OF_A_FILE = 1000
_Word = Annotated[str, Field(max_length=63), Storable]

KINDS: Final[Mapping[str, str]] = {
    "allow": "stands",
    "role-map": "stands",
    "administrator": "stands",
    "grant": "given",
    "flow": "asks",
    "break-glass": "glass",
    "server-role": "besides",
    "connector": "besides",
}
"""How the line of each path looks."""
LEGEND: Final = (
    ("stands", "a standing right"),
    ("given", "granted for a time"),
    ("asks", "may ask for it"),
    ("glass", "may take it in an emergency"),
    ("besides", "a login of the server itself"),
)


class ReachAsked(Query):
    """Whose rights to what; ``people`` has a line for each member of a group."""

    user: _Word = ""
    group: _Word = ""
    service: _Word = ""
    path: Path | Literal[""] = ""
    people: Literal["", "true"] = ""
    unused: Literal["", "true"] = ""
    cursor: Annotated[str, Field(max_length=4000)] = ""

    def arguments(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {
            "user": self.user or None,
            "group": self.group or None,
            "service": self.service or None,
            "path": self.path or None,
            "people": bool(self.people),
            "unused": bool(self.unused),
            "unused_days": 90,
        }


class ReachExport(ReachAsked, exports.Export):
    """Which rights, and as what."""

    model_config = Form.model_config


@dataclass(frozen=True, slots=True)
class Row:
    """A right in words."""

    of: Mapping[str, Any]
    who: str
    what: str
    service_path: str | None
    who_path: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rights, and a picture of them."""

    rows: Sequence[Row] = ()
    next: str | None = None
    map: LinkMap | None = None
    kinds: Sequence[str] = field(default_factory=tuple)


@router.get(PAGE)
def show(frame: Auditor) -> Response:
    """Show rights as a picture and in a table."""
    given = dict(frame.request.query_params)
    try:
        wanted, problem = asked.read(ReachAsked, given), None
        found = _find(frame, wanted)
    except (InvalidInputError, NotFoundError) as error:
        wanted, problem, found = asked.typed(ReachAsked, given), error, Found()
    return frame.show(
        "audit/map.html",
        status=200 if problem is None else errors.status(problem),
        problem=problem,
        asked=wanted,
        found=found,
        said=wanted.said("cursor"),
        query=urlencode(wanted.said("cursor")),
        kept=searches.of(frame, "map"),
        paths=reporting.PATHS,
        legend=[each for each in LEGEND if each[0] in found.kinds],
        most=exports.MOST,
    )


@router.post(PAGE + "/export")
def export(frame: Auditor) -> Response:
    """Give all such rights as a file."""
    form = frame.form(ReachExport)
    exports.note(frame, "map", form.said("form", "csrf", "cursor"))

    def pages() -> Iterator[exports.Rows]:
        after: str | None = None
        while True:
            page = access_report.show(
                *(frame.context, frame.me),
                **form.arguments(),
                limit=_PER_PAGE_OF_A_FILE,
                after=after,
            )
            yield [each.model_dump(mode="json") for each in page.rights]
            after = page.after
            if after is None:
                return

    return exports.answer(frame, "map", form.form, reporting.FIELDS, pages())


def _find(frame: Frame, wanted: ReachAsked) -> Found:
    page = access_report.show(
        *(frame.context, frame.me),
        **wanted.arguments(),
        limit=_ON_A_PAGE,
        after=wanted.cursor or None,
    )
    rows = [_row(each.model_dump(mode="json")) for each in page.rights]
    drawn = [_link(each) for each in rows]
    return Found(
        rows=rows,
        next=None if page.after is None else frame.link(cursor=page.after),
        map=links.draw("Who reaches what", drawn) if drawn else None,
        kinds=sorted({each.kind for each in drawn}),
    )


def _row(right: dict[str, Any]) -> Row:
    service, user, group = right["service"], right["user"], right["group"]
    named = {"user": user} if user else {"group": group}
    since, until, used = (
        right[name] and parse_rfc3339(right[name]) for name in ("since", "until", "last_used")
    )
    return Row(
        of=right | {"since": since, "until": until, "last_used": used},
        who=reporting.who(right) or "whoever has it",
        what=reporting.what(right),
        service_path=f"{PAGE}?{urlencode({'service': service})}" if service else None,
        who_path=f"{PAGE}?{urlencode(named)}" if user or group else None,
    )


def _link(row: Row) -> Link:
    right = row.of
    who = right["user"] or (f"group {right['group']}" if right["group"] else right["role"])
    says = f"{row.who} at {row.what}, by {right['path']} ({right['by']})"
    return Link(str(who), row.what, KINDS[right["path"]], says)
