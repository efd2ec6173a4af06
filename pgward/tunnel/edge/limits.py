"""How many sessions run: by service, and by person. And how often something may happen."""

from collections import Counter
from dataclasses import dataclass, field

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
                Reason.LIMIT, f"you have all your {each} connections to {service.name} in use"
            )
        self.by_service[service.name] += 1
        self.by_user[service.name, user] += 1

    def leave(self, service: str, user: str) -> None:
        """Count a session out."""
        self.by_service[service] -= 1
        self.by_user[service, user] -= 1
        if not self.by_user[service, user]:
            del self.by_user[service, user]


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
