"""``/admin/people``: everybody, searched, filtered and a page at a time."""

from typing import Final

from fastapi import Response

from pgward.ca.identity.people import Standing
from pgward.ca.service.routes import people
from pgward.portal.pages.people import common
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator

router = route.router()
STANDINGS: Final = {
    Standing.ACTIVE: "may sign in",
    Standing.BLOCKED: "blocked",
    Standing.OUTSIDE: "not valid now",
    Standing.NO_FACTOR: "without a second factor",
    Standing.INVITED: "invited",
}


@router.get("/admin/people")
def every(
    frame: Administrator,
    text: people.Text = "",
    standing: people.Word = "",
    group: people.Word = "",
    after: people.Word = "",
) -> Response:
    """Show people."""
    wanted = Standing(standing) if standing in STANDINGS else None
    found = people.page(
        frame.context,
        frame.me,
        text.strip(),
        wanted,
        group.strip() or None,
        common.MOST,
        after or None,
    )
    return frame.show(
        "people/list.html",
        found=found,
        text=text,
        standing=standing,
        group=group,
        standings=STANDINGS,
        groups=common.suggested(frame),
        now=frame.context.now(),
        is_filtered=bool(text or standing or group),
        first=frame.link(after=None) if after else None,
        next=frame.link(after=found.after) if found.after else None,
    )
