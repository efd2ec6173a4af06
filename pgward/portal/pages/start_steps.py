"""The steps to a first connection, and which of them what is there has done already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from pgward.ca.service.routes.edges import EdgeInfo
from pgward.ca.service.routes.hosts import HostInfo
from pgward.portal.pages.machines import condition


@dataclass(frozen=True, slots=True)
class Found:
    """What there is, as the API tells administrators; ``opened``: somebody has connected once."""

    me: str
    people: Sequence[str]
    providers: Sequence[str]
    edges: Sequence[EdgeInfo]
    version: int
    servers: Sequence[HostInfo]
    services: Sequence[str]
    opened: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so, in words for both cases."""

    done: bool
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step and its checks."""

    id: str
    title: str
    checks: tuple[Check, ...]

    @property
    def done(self) -> bool:
        """Tell whether there is nothing left to do."""
        return all(each.done for each in self.checks)


def steps(found: Found) -> list[Step]:
    """Return all steps in their order."""
    return [
        Step("people", "People", (_people(found),)),
        Step("edge", "Edge", _edge(found)),
        Step("server", "Database server", (_server(found),)),
        Step("service", "Service", _service(found)),
        Step("connect", "First connection", (_connection(found),)),
    ]


def names_of(host: str) -> dict[str, list[str]]:
    """Return for which names a machine is certified that is reached at ``host``."""
    try:
        return {"ips": [str(ip_address(host))]}
    except ValueError:
        return {"dns": [host]}


def _people(found: Found) -> Check:
    if found.providers:
        return Check(True, f"people sign in by {', '.join(found.providers)}")
    others = len(found.people) - 1
    if others > 0:
        return Check(True, "somebody besides you can sign in")
    return Check(False, "nobody but you can sign in yet")


def _edge(found: Found) -> tuple[Check, ...]:
    if not found.edges:
        return (Check(False, "no edge has enrolled yet"),)
    seen = [each for each in found.edges if _is_here(each, found.now)]
    names = ", ".join(each.name for each in found.edges)
    serves = "an edge asks for its configuration" if seen else "no enrolled edge runs yet"
    return Check(True, f"enrolled: {names}"), Check(bool(seen), serves)


def _server(found: Found) -> Check:
    names = ", ".join(each.name for each in found.servers)
    return Check(bool(names), f"enrolled: {names}" if names else "no server has enrolled yet")


def _service(found: Found) -> tuple[Check, ...]:
    if not found.services:
        return (Check(False, "there is no service yet"),)
    current = [each for each in found.edges if each.snapshot_version == found.version]
    has = any(_is_here(each, found.now) for each in current)
    words = "an edge has it" if has else "no edge has it yet"
    return Check(True, f"there: {', '.join(found.services[:5])}"), Check(has, words)


def _connection(found: Found) -> Check:
    return Check(found.opened, "somebody has connected" if found.opened else "nobody has yet")


def _is_here(edge: EdgeInfo, now: datetime) -> bool:
    return condition.of(edge, now).badge == "good"
