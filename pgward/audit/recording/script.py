"""What a recording shows, and when: events in, scenes or lines with their times out. Pure."""

import json
from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pgward.audit.recording import answers, pieces, told
from pgward.audit.recording.answers import Answers, Table
from pgward.audit.recording.pieces import PIECE, RESULT, PieceError
from pgward.audit.recording.told import Head, Outcome, Said, Told
from pgward.core.clock import parse_rfc3339

Event = Mapping[str, Any]
CLOSED: Final = told.CLOSED
_SAID = frozenset({"QUERY", "EXECUTE", "COPY", "FUNCTION_CALL", "DENIED", "COMMIT"})
_TOLD = frozenset({"CANCEL", "NOTICE", "GAP"})
_SECOND = 1_000_000
# An answer is recorded just after it is on record that it was complete.
_TOGETHER = 50_000
LOST: Final = "(what was answered is lost: the edge was killed with all its processes)"
_BEFORE, _START, _ANSWER, _OUTCOME, _LAST = range(-1, 4)

Thing = Said | Outcome | Head | Told | Table | str
"""What is shown: a line of text is of an answer, and an empty one parts things in a terminal."""


class Scene(NamedTuple):
    """Things that were to be seen at a time: microseconds since 1970."""

    time: int
    things: list[Thing]


class Shown(NamedTuple):
    """Lines, and when they were to be seen: microseconds since 1970."""

    time: int
    lines: list[str]


class _Change(NamedTuple):
    """From here on the session is recorded otherwise, and how much of each answer."""

    things: list[Thing]
    limit: int | None


class _Named(NamedTuple):
    """A statement gets its name, or is executed by it."""

    name: str
    things: list[Thing]
    executed: bool


_What = Scene | bytes | _Change | _Named
_Entry = tuple[int, int, _What]


@dataclass(slots=True)
class Reader:
    """Checks pieces as they come, and gives their events; ``problems`` tell what is wrong."""

    session: str
    number: int = 0
    before: str | None = ""
    hashes: dict[int, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _lines: list[bytes] = field(default_factory=list)

    def feed(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """Yield the events of whole pieces; raise PieceError for what is none."""
        for line in lines:
            event = _event(line)
            kind = event.get("type")
            if kind in {PIECE, "LOST"}:
                self.end()
            if kind == "LOST":
                self._lost(event)
                continue
            self._lines.append(line)
            if kind == PIECE:
                self._begin(line)
            else:
                yield event

    def end(self) -> None:
        """Hear that the piece is whole."""
        if self._lines:
            digest = pieces.hash_of(pieces.join(self._lines))
            self.hashes[self.number], self.before = digest, digest
            self._lines = []

    def _begin(self, line: bytes) -> None:
        number = json.loads(line).get("piece", 0)
        if number != self.number + 1:
            self._missing(self.number + 1, number - 1)
            self.before = None
        self.number = number
        try:
            pieces.check(line + b"\n", self.session, number, self.before)
        except PieceError as error:
            self.problems.append(f"piece {number}: {error.message}")

    def _lost(self, event: Event) -> None:
        self.number, self.before = int(event["piece"]), str(event["sha256"])
        self.problems.append(f"piece {self.number} cannot be read: {event['why']}")

    def _missing(self, first: int, last: int) -> None:
        which = f"piece {first} is" if first == last else f"pieces {first} to {last} are"
        self.problems.append(f"{which} missing")


@dataclass(slots=True)
class Script:
    """Makes scenes of one session's events; ``began`` is the time of the first."""

    began: int | None = None
    _answers: Answers = field(default_factory=Answers)

    @property
    def weight(self) -> int:
        """How much it holds of answers that go on."""
        return self._answers.weight

    def skip(self) -> None:
        """Hear that events are left out: what had begun has no end here."""
        self._answers.cut()

    def show(self, events: Iterable[Event]) -> list[Shown]:
        """Return what events show as text, in its order."""
        scenes = self.play(events)
        return [Shown(each.time, self._lines(each)) for each in scenes]

    def play(self, events: Iterable[Event]) -> list[Scene]:
        """Return what events show, in its order."""
        found: list[_Entry] = []
        for event in events:
            time = moment(event["time"])
            if self.began is None:
                self.began = time
            found += self._entries(event, time)
        # An answer stands before the line that says how it ended, and that before what came next.
        starts = sorted(time for time, rank, _ in found if rank == _START)
        found = [_not_behind(entry, starts) for entry in found]
        found.sort(key=lambda entry: (entry[0], entry[1]))
        scenes = (self._played(time, each) for time, _, each in found)
        return [each for each in scenes if each.things]

    def _played(self, time: int, entry: _What) -> Scene:
        if isinstance(entry, bytes):
            return Scene(time, [*self._answers.feed(entry)])
        if isinstance(entry, _Named):
            (self._answers.executed if entry.executed else self._answers.prepared)(entry.name)
            return Scene(time, entry.things)
        if isinstance(entry, _Change):
            left = self._answers.cut() if self._answers.begun else []
            self._answers = Answers(entry.limit)
            return Scene(time, [*left, *entry.things])
        return entry

    def _entries(self, event: Event, time: int) -> list[_Entry]:
        kind = event["type"]
        if kind == RESULT:
            is_lost = bool(event.get("lost"))
            return [(time, _ANSWER, Scene(time, [LOST]) if is_lost else b64decode(event["data"]))]
        if kind in _SAID:
            return _said(event, time)
        if kind == "PARSE" and event.get("name"):
            return [(time, _START, _Named(event["name"], [], executed=False))]
        if kind == "SESSION_START" or "recording" in (event.get("details") or {}):
            return [(time, _START, _change(event))]
        if kind == "SESSION_END":
            return [(time + _TOGETHER, _LAST, Scene(time, [told.end(event)]))]
        return [(time, _START, Scene(time, [told.about(event)]))] if kind in _TOLD else []

    def _lines(self, scene: Scene) -> list[str]:
        return [line for thing in scene.things for line in self._text(thing, scene.time)]

    def _text(self, thing: Thing, time: int) -> list[str]:
        if isinstance(thing, Said):
            parameters = [f"-- {thing.parameters}"] if thing.parameters else []
            return [self._stamp(time) + thing.text, *parameters]
        if isinstance(thing, Outcome):
            return [thing.text + (f"  ({thing.took})" if thing.took else "")]
        if isinstance(thing, Head):
            return [f"-- {thing.text}"]
        if isinstance(thing, Told):
            return [f"{self._stamp(time)}-- {thing.text}"]
        return answers.lines([thing])

    def _stamp(self, time: int) -> str:
        passed = max(0, time - (self.began or time)) / _SECOND
        minutes, seconds = divmod(passed, 60)
        return f"[{int(minutes):02d}:{seconds:06.3f}] "


def _said(event: Event, time: int) -> list[_Entry]:
    done, said = time + event.get("duration_us", 0), Said(event)
    answered = done + (_TOGETHER if event.get("rows") or event.get("commands") else 0)
    name = event.get("name") if event["type"] == "EXECUTE" else None
    return [
        (time, _START, _Named(name, [said], executed=True) if name else Scene(time, [said])),
        (answered, _OUTCOME, Scene(done, [Outcome(event), ""])),
    ]


def _change(event: Event) -> _Change:
    details = event.get("details") or {}
    things: list[Thing] = [Head(event)] if "user" in event else []  # the first event of all
    if event["type"] != "SESSION_START":
        things.append(Told(str(event.get("reason"))))
    return _Change([*things, ""], details.get("result_limit"))


def _not_behind(entry: _Entry, starts: list[int]) -> _Entry:
    """Return the entry of an end, at the latest when the next statement begins."""
    time, rank, what = entry
    if rank != _OUTCOME or not isinstance(what, Scene):
        return entry
    following = bisect_left(starts, what.time)
    if following < len(starts) and starts[following] < time:
        return starts[following], _BEFORE, what
    return entry


def _event(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise PieceError("an event of a recording cannot be read")
    return found


def moment(text: str) -> int:
    """Return a record's time in microseconds since 1970."""
    return round(parse_rfc3339(text).timestamp() * _SECOND)
