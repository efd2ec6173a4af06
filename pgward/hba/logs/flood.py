"""Refusals are recorded one by one as long as they are few; of a flood the number is."""

from dataclasses import dataclass, field
from datetime import datetime

ADDRESS_AT_ONCE, ADDRESS_A_SECOND = 50.0, 0.5
ALL_AT_ONCE, ALL_A_SECOND = 200.0, 2.0
_MOST = 5_000  # addresses whose numbers are remembered


@dataclass(slots=True)
class _Room:
    most: float
    a_second: float
    left: float
    at: datetime | None = None

    def refill(self, now: datetime) -> None:
        passed = 0.0 if self.at is None else max(0.0, (now - self.at).total_seconds())
        self.left = min(self.most, self.left + passed * self.a_second)
        self.at = now


@dataclass(slots=True)
class Flood:
    """Room for refusals, of each address and of all; ``unrecorded`` had none."""

    unrecorded: int = 0
    _all: _Room = field(default_factory=lambda: _Room(ALL_AT_ONCE, ALL_A_SECOND, ALL_AT_ONCE))
    _rooms: dict[str, _Room] = field(default_factory=dict)

    def take(self, address: str, now: datetime) -> bool:
        """Tell whether there is room for one more refusal of an address, and take it."""
        room = self._rooms.pop(address, None)
        if room is None:
            room = _Room(ADDRESS_AT_ONCE, ADDRESS_A_SECOND, ADDRESS_AT_ONCE)
        self._rooms[address] = room  # who came last stands last
        if len(self._rooms) > _MOST:
            del self._rooms[next(iter(self._rooms))]
        for each in (room, self._all):
            each.refill(now)
        if min(room.left, self._all.left) < 1:
            self.unrecorded += 1
            return False
        room.left -= 1
        self._all.left -= 1
        return True

    def told(self) -> int:
        """Return how many were not recorded since it was last asked."""
        found, self.unrecorded = self.unrecorded, 0
        return found
