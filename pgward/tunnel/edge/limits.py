"""How many sessions run: by service, and by person; and what else there is only so much of."""

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pgward.tunnel.edge.state import Service
from pgward.tunnel.preface import Reason, RefusedError


@dataclass(slots=True)
class Limits:
    """Counts running sessions, by service and by person."""

    by_service: Counter[str] = field(default_factory=Counter)
    by_user: Counter[tuple[str, str]] = field(default_factory=Counter)

    def enter(self, service: Service, user: str) -> None:
        """Count a session in; raise RefusedError at a limit."""
        most, each = service.max_connections, service.max_connections_per_user
        if most is not None and self.by_service[service.name] >= most:
            raise RefusedError(
                Reason.LIMIT, f"{service.name} has all its {most} connections in use"
            )
        if each is not None and self.by_user[service.name, user] >= each:
            raise RefusedError(
                Reason.LIMIT, f"you use {each} of {each} connections to {service.name}"
            )
        self.by_service[service.name] += 1
        self.by_user[service.name, user] += 1

    def leave(self, service: str, user: str) -> None:
        """Count a session out."""
        self.by_service[service] -= 1
        self.by_user[service, user] -= 1
        if not self.by_user[service, user]:
            del self.by_user[service, user]


KEPT_DESCRIPTORS: Final = 128


@dataclass(frozen=True, slots=True)
class Descriptors:
    """A process's file descriptors, of which ``most`` may be people's.

    The others are kept for what nobody may be let down in: the tape's next file, events, the CA.
    The system gives the lowest that is free (open(2)).
    """

    most: int = sys.maxsize

    @classmethod
    def of_limit(cls, limit: int) -> "Descriptors":
        """Keep some of so many."""
        return cls(limit - min(KEPT_DESCRIPTORS, limit // 4))

    def are_short(self, after: int) -> bool:
        """Tell whether the next one, of which ``after`` is a sibling, would be one of those."""
        try:
            free = os.dup(after)
        except OSError:  # there is none at all
            return True
        os.close(free)
        return free >= self.most


class NoRoomError(RefusedError):
    """There are too many already, whatever the client wants."""


def no_descriptors() -> NoRoomError:
    """Return why nobody more can come."""
    return NoRoomError(
        Reason.LIMIT,
        "the edge has all its file descriptors in use",
        hint="try again, or have whoever runs the edge raise its limit (LimitNOFILE, ulimit -n)",
    )


@dataclass(slots=True)
class Allowance:
    """So many at once, and so many a second after that; times by the event loop's clock."""

    most: float
    a_second: float
    _used: float = 0.0
    _at: float = 0.0

    def take(self, now: float) -> bool:
        """Tell whether one more may be, and count it then."""
        passed, self._at = max(0.0, now - self._at), now
        self._used = max(0.0, self._used - passed * self.a_second)
        if self._used + 1 > self.most:
            return False
        self._used += 1
        return True
