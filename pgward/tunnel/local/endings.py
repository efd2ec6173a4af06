"""When a person should hear that access ends soon, and in which words. Pure.

In mode postgres the edge says so in the session; elsewhere nobody on the way speaks PostgreSQL, so
the person's own machine says it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pgward.client.phrases import counted
from pgward.client.services import ServiceInfo

SOON: Final = timedelta(minutes=5)


@dataclass(slots=True)
class Endings:
    """Remembers which ends were told of: each is told once, and one that was extended again."""

    _told: dict[str, datetime] = field(default_factory=dict)

    def read(self, service: ServiceInfo) -> None:
        """Take that the person has just read when the access to a service ends."""
        if service.access is not None:
            self._told[service.name] = service.access.until

    def is_due(self, service: ServiceInfo, now: datetime) -> bool:
        """Tell whether an end is near that is not told of yet."""
        access = service.access
        if access is None or not now < access.until <= now + SOON:
            return False
        return self._told.get(service.name) != access.until

    def soon(self, service: ServiceInfo, now: datetime) -> str | None:
        """Return what to say of a service, if it is due; it is not due again."""
        if service.access is None or not self.is_due(service, now):
            return None
        until = self._told[service.name] = service.access.until
        return f"your access to {service.name} ends in {minutes(until - now)}"

    def keep(self, services: Iterable[str]) -> None:
        """Forget all other services."""
        names = set(services)
        self._told = {name: until for name, until in self._told.items() if name in names}


def minutes(span: timedelta) -> str:
    """Return a time in minutes, as people say it shortly before."""
    return counted(max(1, round(span / timedelta(minutes=1))), "minute")
