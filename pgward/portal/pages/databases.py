"""``/databases``: the services that a person may use, and how to connect to each."""

from fastapi import Response
from fastapi.responses import RedirectResponse

from pgward.ca.service.routes import access_requests
from pgward.ca.service.routes import me as people
from pgward.portal.web import headers, route
from pgward.portal.web.frame import Signed

router = route.router()


@router.get("/")
def first() -> Response:
    """Go to the first page."""
    return RedirectResponse("/databases", 303, headers=dict(headers.COMMON))


@router.get("/databases")
def databases(frame: Signed) -> Response:
    """Show every service that one may use, and those that one may ask for."""
    mine = people.services(frame.context, frame.me).services
    offered = access_requests.offers(frame.context, frame.me).offers
    open_to_me = {each.name for each in mine}
    asked_for = sorted({each.service for each in offered} - open_to_me)
    return frame.show("databases.html", mine=mine, asked_for=asked_for)
