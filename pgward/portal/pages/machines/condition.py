"""How a machine fares, in words: whether it is heard, and how long its certificate lasts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from pgward.ca.service.routes.connectors import ConnectorInfo
from pgward.ca.service.routes.edges import EdgeInfo
from pgward.ca.service.routes.hosts import HostInfo

Machine: TypeAlias = EdgeInfo | HostInfo | ConnectorInfo
# Edges and connectors ask for news all the time; a host without an agent when its timer runs.
AWAY_AFTER: Final[Mapping[type, timedelta]] = {
    EdgeInfo: timedelta(minutes=5),
    ConnectorInfo: timedelta(minutes=5),
    HostInfo: timedelta(minutes=30),
}
# A machine renews when a third of its certificate's life is left: this soon it should have.
ENDS_WITHIN: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Condition:
    """A word with the kind of its badge, and what is wrong in words; empty for nothing."""

    word: str
    badge: str
    problem: str = ""


_NEVER = Condition("never seen", "warn", "has never been seen")
_AWAY = Condition("away", "bad", "is away")
_EXPIRED = Condition("no certificate", "bad", "has no certificate that is valid")
_ENDING = Condition("certificate ends", "warn", "has a certificate that soon ends")
_BEHIND = Condition("behind", "warn", "does not have the newest configuration yet")
_WELL = Condition("online", "good")


def of(machine: Machine, now: datetime, version: int | None = None) -> Condition:
    """Return how a machine fares; ``version`` is that of the configuration edges should have."""
    tests: tuple[tuple[Condition, Callable[[], bool]], ...] = (
        (_NEVER, lambda: machine.last_seen_at is None),
        (_AWAY, lambda: _silence(machine, now) > AWAY_AFTER[type(machine)]),
        (_EXPIRED, lambda: machine.not_after is None or machine.not_after <= now),
        (_ENDING, lambda: machine.not_after is not None and machine.not_after - now < ENDS_WITHIN),
        (_BEHIND, lambda: _is_behind(machine, version)),
    )
    return next((found for found, holds in tests if holds()), _WELL)


def _silence(machine: Machine, now: datetime) -> timedelta:
    return now - (machine.last_seen_at or now)


def _is_behind(machine: Machine, version: int | None) -> bool:
    return (
        version is not None
        and isinstance(machine, EdgeInfo)
        and machine.snapshot_version is not None
        and machine.snapshot_version < version
    )
