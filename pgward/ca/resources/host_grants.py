"""Whom the grants let log in on PostgreSQL hosts: as the access role, while a grant is live.

An integration names the hosts of its server. Its connector makes the role; the agents map people
to it, and end their sessions with the grant.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from pgward.ca.access import live
from pgward.ca.access.live import EVER
from pgward.ca.resources import stored
from pgward.ca.store.transaction import SNAPSHOT, counter
from pgward.core.clock import rfc3339

_OVER: Final = timedelta(days=30)
"""For so long a host that was away is told that it was no slip that somebody has lost a role."""


@dataclass(frozen=True, slots=True)
class HostGrants:
    """Those of one host: until when each person is which access role, and whose grant ended lately.

    ``pairs`` are of a person and an access role.
    """

    integrations: tuple[str, ...] = ()
    pairs: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    over: frozenset[str] = frozenset()


def of_host(connection: Connection, host: str, now: datetime) -> HostGrants:
    """Return the grants of a host; of one that no integration names there are none."""
    names = [name for name, hosts in _hosts(connection).items() if host in hosts]
    if not names:
        return HostGrants()
    pairs: dict[tuple[str, str], datetime] = {}
    for each in live.of_integrations(connection, names, now):
        if each.role is not None:
            pair = each.user, each.role
            pairs[pair] = max(each.until, pairs.get(pair, each.until))
    over = live.over_since(connection, names, now - _OVER, now)
    return HostGrants(tuple(names), pairs, frozenset(over) - {person for person, _ in pairs})


@dataclass(slots=True)
class GrantNews:
    """What changes with the grants of hosts; reads only those that changed since the last time."""

    _known: dict[str, str] = field(default_factory=dict)
    _read_at: int | None = None

    def read(self, connection: Connection) -> dict[str, str]:
        """Return by host a digest of who is which access role there, and until when.

        Only hosts that an integration names have one.
        """
        version = counter(connection, SNAPSHOT)
        hosts = {name: found for name, found in _hosts(connection).items() if found}
        named = set(hosts)
        changed: Collection[str] = named
        if self._read_at is not None and version >= self._read_at:
            changed = live.changed_integrations(connection, self._read_at) & named
        wanted = sorted({*changed, *(named - self._known.keys())})
        known = {name: told for name, told in self._known.items() if name in named}
        self._known = known | _digests(connection, wanted)
        self._read_at = version
        told: dict[str, list[str]] = {}
        for name in sorted(hosts):
            for host in hosts[name]:
                told.setdefault(host, []).append(f"{name}:{self._known[name]}")
        return {host: _digest("\n".join(each)) for host, each in told.items()}


def _digests(connection: Connection, names: list[str]) -> dict[str, str]:
    pairs: dict[str, set[str]] = {name: set() for name in names}
    for each in live.of_integrations(connection, names, EVER) if names else ():
        if each.integration is not None and each.role is not None:
            pairs[each.integration].add(f"{each.user}\0{each.role}\0{rfc3339(each.until)}")
    return {name: _digest("\n".join(sorted(found))) for name, found in pairs.items()}


def _hosts(connection: Connection) -> dict[str, list[str]]:
    found = stored.every(connection, "Integration")
    return {each.name: list(each.spec.get("hosts") or ()) for each in found}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
