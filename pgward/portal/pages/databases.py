"""``/databases``: the services that a person may use, and how to connect to each."""

from typing import Annotated

from fastapi import Query, Response

from pgward.ca.service.routes import access_requests
from pgward.ca.service.routes import me as people
from pgward.ca.service.routes.me import Which
from pgward.portal.pages import standing, start
from pgward.portal.web import route
from pgward.portal.web.frame import Signed

router = route.router()
_A_PAGE = 24
_Search = Annotated[str, Query(max_length=100)]
_After = Annotated[str, Query(max_length=253)]


@router.get("/")
def first(frame: Signed) -> Response:
    """Go to the first page: the databases, or the set-up where there is nothing yet."""
    return frame.go(start.PATH if start.is_new(frame) else "/databases")


@router.get("/databases")
def databases(frame: Signed, search: _Search = "", after: _After = "") -> Response:
    """Show the services that one may use, and those that one may ask for."""
    which = Which(search=search.strip(), after=after, limit=_A_PAGE)
    found = people.services(frame.context, frame.me, which)
    wanted = which.search.lower()
    offered = access_requests.offered(frame.context, frame.me)
    asked_for = [each for each in offered if wanted in each.lower()]
    candidates = asked_for[: 2 * _A_PAGE]
    mine = people.services(frame.context, frame.me, Which(name=candidates)) if candidates else None
    open_to_me = {each.name for each in mine.services} if mine else set()
    shown = [each for each in candidates if each not in open_to_me][:_A_PAGE]
    return frame.show(
        "databases.html",
        mine=[(each, standing.of(frame, each)) for each in found.services],
        more=found.services[-1].name if found.more else None,
        asked_for=[] if after else shown,
        has_more=len(asked_for) > len(candidates),
        search=search,
        after=after,
    )
