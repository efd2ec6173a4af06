"""Playing a recording in parts, from any place: what went before is read for what it tells.

Rows of a prepared statement are described as it is prepared, which may be hours before they come,
and an answer may go on from one part to the next. So what was known where a part ended is kept for
a while. From there some pieces are read for what they tell, and some just before the place: where
statements are prepared, and where an answer goes on.
"""

from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from pgward.audit.recording.pieces import PieceError
from pgward.audit.recording.script import Reader, Scene, Script
from pgward.audit.sound import sound
from pgward.ca.recordings.reading import Page, Stretch

PART_BYTES: Final = 48 * 1024
"""So many bytes of events are a part, or one piece that has more."""
_MALFORMED: Final = (
    *(PieceError, AttributeError, KeyError, TypeError, ValueError, OverflowError),
    RecursionError,
)
_NEAR_BYTES: Final = 4 * 1024 * 1024  # that are read after what is kept, and before a place
_NEAR_PIECES: Final = 30
_MOST_KEPT: Final = 64
_MOST_WEIGHT: Final = 256 * 1024

Read = Callable[[str, str, int, Stretch], Page]
"""Reads pieces: of an edge, a session, behind a number."""
_Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Some scenes; ``after`` leads on, ``ended`` when the last of all was among them."""

    scenes: list[Scene]
    after: int
    pieces: int
    ended: bool
    problems: list[str]


@dataclass(slots=True)
class _Known:
    """What is known at a place in a recording."""

    number: int = 0
    before: str | None = ""
    script: Script = field(default_factory=Script)

    def leap(self, number: int) -> None:
        """Go on behind a piece, without those that lie between."""
        if number > self.number:
            self.number, self.before = number, None
            self.script.skip()

    def play(self, session: str, page: Page) -> tuple[list[Scene], list[str]]:
        """Go on by a page; return its scenes, and what is wrong with it."""
        reader, scenes = Reader(session, self.number, self.before), []
        try:
            events = [sound(each) for each in reader.feed(page.data.splitlines())]
            reader.end()
            scenes = self.script.play(events)
        except _MALFORMED:  # an edge that was taken over may record anything
            reader.problems.append(f"what follows piece {self.number} is no recording")
        self.number, self.before = page.after, reader.before
        return scenes, reader.problems


class Playbacks:
    """Plays parts of recordings; any thread may use it."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: OrderedDict[_Place, _Known] = OrderedDict()
        self._lock = Lock()

    def part(self, edge: str, session: str, after: int, goal: int = PART_BYTES) -> Part:
        """Return what is shown behind a piece; raise UnavailableError."""
        known = self._at(edge, session, after)
        page = self._read(edge, session, after, Stretch(goal))
        scenes, problems = known.play(session, page)
        self._keep((edge, session, page.after), known)
        return Part(scenes, page.after, page.pieces, page.ended, problems)

    def _at(self, edge: str, session: str, after: int) -> _Known:
        """Return what is known behind a piece: of a bit after what is kept, and of just before."""
        at, known = self._nearest(edge, session, after)
        if at < after:
            known.play(session, self._read(edge, session, at, Stretch(_NEAR_BYTES, after)))
        if known.number < after:
            known.leap(max(known.number, after - _NEAR_PIECES))
            known.play(
                session, self._read(edge, session, known.number, Stretch(_NEAR_BYTES, after))
            )
        if known.number < after:
            known.leap(after)
        if at < after:
            self._keep((edge, session, after), known)
        return known

    def _nearest(self, edge: str, session: str, after: int) -> tuple[int, _Known]:
        with self._lock:
            mine = [at for of, named, at in self._kept if (of, named) == (edge, session)]
            at = max((each for each in mine if each <= after), default=0)
            found = self._kept.get((edge, session, at))
            if found is not None:
                self._kept.move_to_end((edge, session, at))
        return (0, _Known()) if found is None else (at, deepcopy(found))

    def _keep(self, place: _Place, known: _Known) -> None:
        if known.script.weight > _MOST_WEIGHT:
            return
        kept = deepcopy(known)
        with self._lock:
            self._kept[place] = kept
            self._kept.move_to_end(place)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
