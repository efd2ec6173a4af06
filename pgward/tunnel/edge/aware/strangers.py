"""Who comes without a certificate has the edge ask its CA: how often, by where they come from.

The CA answers an edge so many of these questions a second, whoever has them asked. So nobody may
use them up: a place from which too many were wrong is refused before the CA is asked, and all
places from which nobody came in lately share what is left to them. An IPv6 address counts as its
/64, which is the least that one customer has (RFC 6177).
"""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pgward.tunnel.preface import Reason, RefusedError

AT_ONCE = 16
"""So many may be asked about at a time of one place; more wait for their turn."""
TURN_SECONDS = 5.0
KNOWN_SECONDS = 24 * 3600.0
"""How long a place is known, as somebody came in from there."""
MOST_PLACES = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, and then so many ``per_second``."""

    per_second: float
    burst: float


WRONG = Rate(1 / 6, 10)
"""Wrong ones of a place that is not known."""
WRONG_AT_KNOWN = Rate(20, 200)
"""Of one that is: behind a balancer, all clients of an edge come from one place."""
ALL_STRANGERS = Rate(20, 100)
"""Whatever comes from all places that are not known, right or wrong."""


@dataclass(slots=True)
class _Bucket:
    """When it will be full again: one number says all (GCRA, ITU-T I.371)."""

    full_at: float = 0.0

    def wait(self, rate: Rate, now: float) -> float:
        """Return how many seconds until there is a token."""
        owed = max(self.full_at, now) - now + 1 / rate.per_second
        return max(0.0, owed - rate.burst / rate.per_second)

    def charge(self, rate: Rate, now: float) -> None:
        """Take one, and never owe more than all."""
        full_at = max(self.full_at, now) + 1 / rate.per_second
        self.full_at = min(full_at, now + rate.burst / rate.per_second)


@dataclass(slots=True)
class _Place:
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    wrong: _Bucket = field(default_factory=_Bucket)
    known_until: float = float("-inf")


@dataclass(slots=True)
class Turn:
    """One who is asked about; counts as wrong unless something else is said of it."""

    verdict: bool | None = False

    def succeeded(self) -> None:
        """Take that somebody came in."""
        self.verdict = True

    def undecided(self) -> None:
        """Take that the CA could not be asked."""
        self.verdict = None


class Strangers:
    """Counts for one event loop; ``share`` is this worker's part of all that its edge may ask.

    ``monotonic`` returns seconds.
    """

    def __init__(
        self, *, share: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._rate_of_all = Rate(ALL_STRANGERS.per_second * share, ALL_STRANGERS.burst * share)
        self._all = _Bucket()
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[Turn]:
        """Wait for a turn of somebody at an address; raise RefusedError where there is none."""
        place = self._place(address)
        self._check(place)
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await place.turns.acquire()
        except TimeoutError:
            raise _too_many("too many logins at once from this address", TURN_SECONDS) from None
        made = Turn()
        try:
            self._enter(place)
            try:
                yield made
            finally:
                self._leave(place, made)
        finally:
            place.turns.release()

    def _place(self, address: str) -> _Place:
        name = _name(address)
        found = self._places.setdefault(name, _Place())
        self._places.move_to_end(name)
        while len(self._places) > MOST_PLACES:
            self._places.popitem(last=False)
        return found

    def _check(self, place: _Place) -> None:
        now = self._monotonic()
        wait = place.wrong.wait(_of_wrong(place, now), now)
        if wait:
            raise _too_many("too many wrong logins from this address", wait)

    def _enter(self, place: _Place) -> None:
        self._check(place)  # those before in the row may have been wrong
        now = self._monotonic()
        if now < place.known_until:
            return
        wait = self._all.wait(self._rate_of_all, now)
        if wait:
            raise _too_many("too many strangers ask this edge", wait)
        self._all.charge(self._rate_of_all, now)

    def _leave(self, place: _Place, turn: Turn) -> None:
        now = self._monotonic()
        if turn.verdict:
            place.known_until = now + KNOWN_SECONDS
        elif turn.verdict is False:
            place.wrong.charge(_of_wrong(place, now), now)


def _of_wrong(place: _Place, now: float) -> Rate:
    return WRONG_AT_KNOWN if now < place.known_until else WRONG


def _name(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def _too_many(message: str, seconds: float) -> RefusedError:
    hint = f"try again in {max(1, round(seconds))} seconds"
    return RefusedError(Reason.LIMIT, message, hint=hint, sqlstate="53300")
