"""Who says more than can be put on record is slowed, before there is no room for anybody.

An auditor takes off a tape what it can. When half of the tape is full, each person may put so many
bytes of a second there, and the fewer the fuller it is: so it stops filling where the heaviest say
as much as is taken off, and whoever says less is not slowed at all. A session is slowed by reading
less of its client, who waits then as for a full socket.

When nothing is taken off, as the CA is away and the disk's share is used up, nobody is slowed: that
would only put off what nobody can help.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from pgward.audit.tape.segments import HALF, Fill

log = logging.getLogger("pgward.edge")

MIB: Final = 1 << 20
EASE: Final = 0.375
"""So full a tape is when nobody is slowed any more."""
MOST_RATE: Final = 16 * MIB  # bytes a second, of a person, on a tape that is half full
LEAST_RATE: Final = 1024
_HALVINGS: Final = 14  # of the rate, until the tape is full
TICK_SECONDS: Final = 0.05
STUCK_SECONDS: Final = 60.0
"""So long an auditor may work at one segment."""
_BURST_SECONDS: Final = 1.0
_MOST_SIPS: Final = 64  # of one person at once: others wait meanwhile


class Filling(Protocol):
    """A tape, as far as it fills."""

    @property
    def written(self) -> int:
        """How many bytes were put on it in all."""
        ...

    def fill(self) -> Fill:
        """Return how full it is."""
        ...


class Writer(Protocol):
    """A session."""

    @property
    def person(self) -> str:
        """Whose it is."""
        ...

    @property
    def said(self) -> int:
        """About how many bytes it put on tape."""
        ...

    def slow(self) -> None:
        """Read its client no more."""
        ...

    def sip(self) -> None:
        """Read it once."""
        ...

    def quicken(self) -> None:
        """Read it again as it comes."""
        ...


@dataclass(slots=True, eq=False)
class _Person:
    """Somebody's sessions; ``left`` is how many bytes may be put on tape now."""

    left: float
    slowed: list[Writer] = field(default_factory=list)

    def drop_those_gone(self, there: Collection[Writer]) -> None:
        self.slowed = [each for each in self.slowed if each in there]


class Pressure:
    """Looks after one worker's tape; ``tell`` hears how many sessions are slowed."""

    def __init__(
        self,
        tape: Filling,
        sessions: Callable[[], Iterable[Writer]],
        later: Callable[[float, Callable[[], None]], object],
        *,
        tell: Callable[[int], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tape = tape
        self._sessions = sessions
        self._later = later
        self._tell = tell
        self._now = now
        self._ticks = False
        self._first, self._moved = 0, now()
        self._last = now()
        self._said: dict[Writer, int] = {}
        self._people: dict[str, _Person] = {}

    def turned(self) -> None:
        """Hear that another segment of the tape has begun."""
        fill = self._look()
        if fill.is_pressing and not self._ticks:
            self._ticks = True
            self._last = self._now()
            self._said = {each: each.said for each in self._sessions()}
            self._later(TICK_SECONDS, self._tick)

    def _look(self) -> Fill:
        fill = self._tape.fill()
        if fill.first != self._first:
            self._first, self._moved = fill.first, self._now()
        return fill

    def _tick(self) -> None:
        fill, now = self._look(), self._now()
        seconds, self._last = now - self._last, now
        if fill.level < EASE:
            self._release()
            self._ticks = False
            return
        if now - self._moved >= STUCK_SECONDS:
            self._release()
        else:
            self._share(rate_at(fill.level), seconds)
        self._later(TICK_SECONDS, self._tick)

    def _release(self) -> None:
        there = set(self._sessions())
        for person in self._people.values():
            person.drop_those_gone(there)
            for each in person.slowed:
                each.quicken()
        self._people.clear()
        self._said.clear()
        self._tell(0)

    def _share(self, rate: float, seconds: float) -> None:
        most = rate * _BURST_SECONDS
        said = self._said_since()
        for name in {*self._people, *(each.person for each in said)}:
            person = self._people.setdefault(name, _Person(most))
            person.drop_those_gone(self._said)
            person.left = min(most, person.left + rate * seconds)
            own = {e: n for e, n in said.items() if e.person == name and e not in person.slowed}
            person.left = max(-most, person.left - sum(own.values()))
            if person.slowed:
                self._give(person)
            if person.left < 0:
                self._slow(person, own, rate * seconds)
            elif person.left >= most:
                for each in person.slowed:
                    each.quicken()
                del self._people[name]
        self._tell(sum(len(person.slowed) for person in self._people.values()))

    def _said_since(self) -> dict[Writer, int]:
        """Return what sessions put on tape since the last look, if anything."""
        before, self._said = self._said, {each: each.said for each in self._sessions()}
        since = {each: now - before.get(each, 0) for each, now in self._said.items()}
        return {each: size for each, size in since.items() if size > 0}

    def _slow(self, person: _Person, said: dict[Writer, int], most: float) -> None:
        """Slow those that said more than their share of what the person may."""
        share = most / (len(said) + len(person.slowed)) if said else 0
        for each, size in said.items():
            if size > share:
                each.slow()
                person.slowed.append(each)

    def _give(self, person: _Person) -> None:
        """Have slowed sessions read, in turn, as long as there is something left."""
        tape, slowed, quiet = self._tape, person.slowed, 0
        for _ in range(_MOST_SIPS):
            if person.left <= 0 or quiet >= len(slowed):
                return
            start = tape.written
            slowed.append(slowed.pop(0))
            slowed[-1].sip()
            quiet = quiet + 1 if tape.written == start else 0
            person.left -= tape.written - start


def rate_at(level: float) -> float:
    """Return how many bytes a second of a person go on a tape that is so full."""
    steps = _HALVINGS * (level - HALF) / (1 - HALF)
    return min(MOST_RATE, max(LEAST_RATE, MOST_RATE * math.pow(2.0, -steps)))
