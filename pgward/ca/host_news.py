"""What PostgreSQL hosts must look at again, as the versions of a few parts.

A host is told that a part changed, and then gets what it needs of it. The telling is the same for
all hosts but for the grants of their servers; it is worked out once for each version of the store,
and costs a thousand hosts no more than one.
"""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.engine import Connection

from pgward.ca.authority import Trust
from pgward.ca.identity import directory
from pgward.ca.records import PublishedCrl
from pgward.ca.resources import stored
from pgward.ca.resources.host_grants import GrantNews
from pgward.ca.rotation import rotations
from pgward.ca.store import Store
from pgward.ca.store.transaction import ENDINGS, counter
from pgward.pki import pem


class Standing(Protocol):
    """What the authority tells."""

    @property
    def trust(self) -> Trust:
        """Whom to trust."""
        ...

    def refresh(self) -> bool:
        """Take up what a rotation changed in the store."""
        ...

    def user_crls(self) -> list[PublishedCrl]:
        """Return the newest CRLs of the CAs that vouch for people."""
        ...


@dataclass(frozen=True, slots=True)
class News:
    """The parts as of a version of the store, or of a later one; ``roles`` of some hosts differ."""

    version: int
    parts: Mapping[str, str]
    roles: Mapping[str, str] = field(default_factory=dict)

    def of(self, host: str) -> "News":
        """Return what a host is told."""
        own = self.roles.get(host)
        return self if own is None else News(self.version, {**self.parts, "roles": own})

    @property
    def tag(self) -> str:
        """What tells these parts from others."""
        return _digest(json.dumps(self.parts, sort_keys=True))

    def is_news(self, after: int, tag: str) -> bool:
        """Tell whether a host must hear of this that knows ``tag`` as of version ``after``.

        A replica that is behind has nothing to tell.
        """
        return self.version >= after and self.tag != tag


class HostNews:
    """Works the news out, once for each version; safe to call from any thread."""

    def __init__(self, store: Store, authority: Standing) -> None:
        self._store = store
        self._authority = authority
        self._lock = threading.Lock()
        self._kept: News | None = None
        self._grants = GrantNews()

    def known(self, version: int) -> News | None:
        """Return the news of at least ``version`` if they are at hand; never blocks for long."""
        kept = self._kept
        return kept if kept is not None and kept.version >= version else None

    def get(self, version: int) -> News:
        """Return the news of at least ``version``; blocks on the store."""
        with self._lock:
            kept = self.known(version)
            if kept is None:
                kept = self._kept = self._read()
            return kept

    def _read(self) -> News:
        version = self._store.version()  # first of all, so that it is never too new
        self._authority.refresh()
        crls = self._authority.user_crls()
        trust = self._authority.trust
        roots = [pem.text(root) for root in (*trust.user_roots, *trust.server_roots)]
        with self._store.read() as connection:
            under_way = rotations.under_way(connection)
            endings = counter(connection, ENDINGS)
            roles, of_hosts = _roles(connection, self._grants.read(connection))
        return News(
            version,
            {
                "crls": _listed([f"{crl.name}:{crl.number}" for crl in crls]),
                "trust": _digest("".join(roots)),
                "orders": _listed([f"{each.id}:{each.phase}" for each in under_way]),
                "endings": str(endings),
                "roles": roles,
            },
            of_hosts,
        )


def _roles(connection: Connection, grants: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return what changes with who is which role, nothing without role maps; and that of hosts.

    ``grants`` has what changes with who is which access role, of hosts that have such.
    """
    maps = [(each.name, each.version) for each in stored.every(connection, "RoleMap")]
    if not maps and not grants:
        return "", {}
    people = [
        (each.name, sorted(each.groups), each.blocked_at, each.valid_from, each.valid_until)
        for each in directory.everyone(connection)
    ]
    of_maps = _digest(repr((maps, people)))
    of_hosts = {host: _digest(f"{of_maps}\n{told}") for host, told in grants.items()}
    return of_maps if maps else "", of_hosts


def _listed(values: Sequence[str]) -> str:
    return ",".join(sorted(values))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
