"""``/audit``: how much happened, and what of it wants to be looked at."""

from fastapi import Response

from pgward.portal.web import route
from pgward.portal.web.frame import Auditor

router = route.router()


@router.get("/audit")
def overview(frame: Auditor) -> Response:
    """Show numbers and charts."""
    return frame.show("audit/overview.html")
