"""``/databases``: the services that a person may use, and how to connect to each."""

from fastapi import Response

from pgward.ca.service.routes import access_requests
from pgward.ca.service.routes import me as people
from pgward.portal.pages import start
from pgward.portal.web import route
from pgward.portal.web.frame import Signed

router = route.router()


@router.get("/")
def first(frame: Signed) -> Response:
    """Go to the first page: the databases, or the set-up where there is nothing yet."""
    return frame.go(start.PATH if start.is_new(frame) else "/databases")


@router.get("/databases")
def databases(frame: Signed) -> Response:
    """Show every service that one may use, and those that one may ask for."""
    mine = people.services(frame.context, frame.me).services
    offered = access_requests.offers(frame.context, frame.me).offers
    open_to_me = {each.name for each in mine}
    asked_for = sorted({each.service for each in offered} - open_to_me)
    return frame.show("databases.html", mine=mine, asked_for=asked_for)
