"""``/admin``: what there is, and what of it wants somebody's attention."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Response

from pgward.ca.service.routes import (
    access_requests,
    connectors,
    crls,
    devices,
    edges,
    hosts,
    people,
    rotations,
)
from pgward.portal.pages.machines import condition
from pgward.portal.pages.machines.condition import Machine
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_MOST = 100


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines of a kind, and what is wrong with some of them: name and words."""

    title: str
    path: str
    number: int
    problems: list[tuple[str, str]]


@router.get("/admin")
def overview(frame: Administrator) -> Response:
    """Show the numbers, and what is away, ends soon or is not as it should be."""
    context, me, now = frame.context, frame.me, frame.context.now()
    fleets = [
        _fleet("Edges", edges.every(context, me).edges, now),
        _fleet("Hosts", hosts.every(context, me).hosts, now),
        _fleet("Connectors", connectors.every(context, me).connectors, now),
    ]
    waiting = len(access_requests.every(context, me, to_decide=True, limit=_MOST).requests)
    return frame.show(
        "overview.html",
        fleets=fleets,
        waiting=waiting,
        most=_MOST,
        people=people.page(context, me, limit=1).total,
        devices=len(devices.every(context, me, state="waiting", limit=_MOST).devices),
        servers=_servers(frame),
        authority=_authority(frame),
    )


def _fleet(title: str, machines: Iterable[Machine], now: datetime) -> Fleet:
    every = list(machines)
    found = [(each.name, condition.of(each, now).problem) for each in every]
    path = f"/admin/{title.lower()}"
    return Fleet(title, path, len(every), [(name, word) for name, word in found if word])


def _servers(frame: Frame) -> Fleet:
    """Return the servers of integrations, with what their connectors said of them last."""
    found = connectors.every(frame.context, frame.me).connectors
    told = [each for connector in found for each in connector.servers]
    problems = [
        (each.integration, each.problem or f"is {each.state}")
        for each in told
        if each.state not in ("ok", None)
    ]
    number = len({name for each in found for name in each.integrations})
    return Fleet("Servers", "/admin/integrations", number, problems)


def _authority(frame: Frame) -> list[str]:
    """Return what is wrong with the authority itself, in sentences without their full stop."""
    context, me = frame.context, frame.me
    found = [each.message for each in crls.every(context).crls if each.state != "ok"]
    told = rotations.show(context, me)
    found += [f"{each.id} should be replaced by now" for each in told.authorities if each.is_due]
    return found + [f"the rotation {each.id} is in {each.phase}" for each in told.rotations]
