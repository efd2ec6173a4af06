"""The live grants as edges get them, packed by service, and read again only where they changed."""

import json
import zlib
from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Self

from sqlalchemy.engine import Connection

from pgward.ca.access import live
from pgward.ca.access.live import LiveGrant
from pgward.ca.store.transaction import SNAPSHOT, counter

_MOST_NAMED = 500  # services in one query: SQLite takes no more than some thousand values
_FAST = 1  # zlib's level: on these texts it takes a third of the time, and a tenth more room


@dataclass(frozen=True, slots=True)
class Packed:
    """One service's: what edges unpack, and who has any."""

    text: str
    people: frozenset[str]

    @classmethod
    def of(cls, grants: Iterable[LiveGrant]) -> Self:
        """Pack grants of one service, which come by person."""
        found = {name: _person(list(own)) for name, own in groupby(grants, lambda it: it.user)}
        text = json.dumps(found, separators=(",", ":"))
        data = zlib.compress(text.encode(), _FAST)
        return cls(b64encode(data).decode("ascii"), frozenset(found))


@dataclass(slots=True)
class GrantBook:
    """All services' as of the last reading; not safe to use from several threads at once."""

    _packed: dict[str, Packed] = field(default_factory=dict)
    _less: dict[str, int] = field(default_factory=dict)
    _read_at: int | None = None

    @property
    def less(self) -> Mapping[str, int]:
        """By service: the version in which somebody was last seen to have less."""
        return dict(self._less)

    def read(self, connection: Connection, now: datetime) -> Mapping[str, Packed]:
        """Return the grants by service, as the connection sees them."""
        version = counter(connection, SNAPSHOT)
        if self._read_at is None or version < self._read_at:
            self._packed, self._less = _by_service(live.every(connection, now)), {}
        else:
            changed = live.changed_services(connection, self._read_at)
            self._less |= {name: version for name, has_ended in changed.items() if has_ended}
            self._take_up(connection, changed, now)
        self._read_at = version
        return dict(self._packed)

    def _take_up(self, connection: Connection, changed: Collection[str], now: datetime) -> None:
        names = sorted(changed)
        for start in range(0, len(names), _MOST_NAMED):
            some = names[start : start + _MOST_NAMED]
            found = _by_service(live.of_services(connection, some, now))
            for name in some:
                self._packed.pop(name, None)
            self._packed |= found


def _by_service(grants: Iterable[LiveGrant]) -> dict[str, Packed]:
    return {name: Packed.of(own) for name, own in groupby(grants, lambda grant: grant.service)}


def _person(grants: list[LiveGrant]) -> dict[str, Any]:
    return {
        "role": next((grant.role for grant in grants if grant.role is not None), None),
        # The second that a grant ends in is not the person's any more.
        "live": [[int(grant.until.timestamp()), list(grant.names)] for grant in grants],
    }
