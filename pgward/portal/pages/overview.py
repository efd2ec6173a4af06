"""``/admin``: what there is, and what of it wants somebody's attention."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Response

from pgward.ca.service.routes import access_requests, connectors, edges, hosts
from pgward.ca.service.routes.connectors import ConnectorInfo
from pgward.ca.service.routes.edges import EdgeInfo
from pgward.ca.service.routes.hosts import HostInfo
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator

router = route.router()
_MOST = 100
# Machines ask for news all the time, and renew when a third of a certificate's life is left.
AWAY_AFTER = timedelta(minutes=5)
_ENDS_WITHIN = timedelta(hours=6)


Machine = EdgeInfo | HostInfo | ConnectorInfo


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines of a kind, and what is wrong with some of them: name and words."""

    title: str
    path: str
    number: int
    problems: list[tuple[str, str]]


@router.get("/admin")
def overview(frame: Administrator) -> Response:
    """Show the numbers, and the machines that are away."""
    context, me, now = frame.context, frame.me, frame.context.now()
    fleets = [
        _fleet("Edges", edges.every(context, me).edges, now),
        _fleet("Hosts", hosts.every(context, me).hosts, now),
        _fleet("Connectors", connectors.every(context, me).connectors, now),
    ]
    waiting = len(access_requests.every(context, me, to_decide=True, limit=_MOST).requests)
    return frame.show("overview.html", fleets=fleets, waiting=waiting, most=_MOST)


def _fleet(title: str, machines: Iterable[Machine], now: datetime) -> Fleet:
    every = list(machines)
    found = [(each.name, problem(each, now)) for each in every]
    path = f"/admin/{title.lower()}"
    return Fleet(title, path, len(every), [(name, word) for name, word in found if word])


def problem(machine: Machine, now: datetime) -> str:
    """Return what is wrong with a machine, in words; empty for nothing."""
    if machine.last_seen_at is None:
        return "has never been seen"
    if now - machine.last_seen_at > AWAY_AFTER:
        return "is away"
    if machine.not_after is None or machine.not_after <= now:
        return "has no certificate that is valid"
    if machine.not_after - now < _ENDS_WITHIN:
        return "has a certificate that soon ends"
    return ""
