"""A database that somebody looks at: found, or why not; what all pages about one have in common."""

import shlex
from typing import Annotated

from fastapi import Path, Response

from pgward.ca.service.routes import access_requests
from pgward.ca.service.routes import me as people
from pgward.ca.service.routes.me import ServiceInfo, Which
from pgward.client import services
from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import DeniedError, NotFoundError, UnavailableError
from pgward.portal.web.frame import Frame

Name = Annotated[str, Path(max_length=63, pattern=r"^[^\x00]+$")]
_MOST_REQUESTS = 100


def find(frame: Frame, name: str) -> ServiceInfo | None:
    """Return the service if whoever looks may use it."""
    found = people.services(frame.context, frame.me, Which(name=[name])).services
    return found[0] if found else None


def reachable(frame: Frame, name: str) -> ServiceInfo:
    """Return a service to which an edge leads; raise DeniedError, UnavailableError."""
    found = find(frame, name)
    if found is None:
        raise DeniedError(f"you have no access to {name} now")
    if not found.edges:
        raise UnavailableError(f"no edge serves {name} now", hint="ask an administrator")
    return found


def log_in(frame: Frame) -> str:
    """Return the command that logs somebody in on a machine that is new to the authority."""
    authority = frame.context.authority
    ca = shlex.quote(frame.context.desk.settings.ca.url)
    user = shlex.quote(frame.me.user.name)
    return f"pgward login --ca {ca} --fingerprint {authority.fingerprint} --user {user}"


def closed(frame: Frame, name: str) -> Response:
    """Say that there is no access, and what to do; raise NotFoundError where there is nothing.

    What one may not even ask for is not told apart from what does not exist.
    """
    if not access_requests.offers(frame.context, frame.me, name).offers:
        raise NotFoundError(
            f"there is no database {name!r} for you",
            hint="the page Databases lists those that you may use",
        )
    mine = access_requests.every(frame.context, frame.me, mine=True, limit=_MOST_REQUESTS).requests
    waiting = [each for each in mine if each.service == name and each.state == "pending"]
    return frame.show("closed.html", status=403, service=name, waiting=waiting)


def edges(service: ServiceInfo) -> list[EdgeInfo]:
    """Return the edges as a client knows them."""
    return [
        EdgeInfo(each.name, Address.parse(each.address), each.server_name) for each in service.edges
    ]


def as_clients_know_it(service: ServiceInfo) -> services.ServiceInfo:
    """Return the service as a client reads it from the API."""
    return services.ServiceInfo.read(service.model_dump(mode="json"))
