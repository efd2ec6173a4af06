"""What a recording shows, and when: events in, lines with their times out. Pure."""

import json
from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pgward.audit.recording import pieces
from pgward.audit.recording.answers import Answers
from pgward.audit.recording.pieces import PIECE, RESULT, PieceError
from pgward.core.clock import parse_rfc3339

Event = Mapping[str, Any]
_SAID = frozenset({"QUERY", "EXECUTE", "COPY", "FUNCTION_CALL", "DENIED", "COMMIT"})
_TOLD = frozenset({"CANCEL", "NOTICE", "GAP"})
_SECOND = 1_000_000
# An answer is recorded just after it is on record that it was complete.
_TOGETHER = 50_000
CLOSED: Final = "the connection ended"
"""The reason of an end for which there was none."""
LOST: Final = "(what was answered is lost: the edge was killed with all its processes)"
_BEFORE, _START, _ANSWER, _OUTCOME, _LAST = range(-1, 4)


class Shown(NamedTuple):
    """Lines, and when they were to be seen: microseconds since 1970."""

    time: int
    lines: list[str]


class _Change(NamedTuple):
    """From here on the session is recorded otherwise: lines, and how much of each answer."""

    lines: list[str]
    limit: int | None


class _Named(NamedTuple):
    """A statement gets its name, or is executed by it, which has these lines."""

    name: str
    lines: list[str]
    executed: bool


_What = Shown | bytes | _Change | _Named
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
    """Makes lines of one session's events."""

    began: int | None = None
    _answers: Answers = field(default_factory=Answers)

    def show(self, events: Iterable[Event]) -> list[Shown]:
        """Return what events show, in its order."""
        found: list[_Entry] = []
        for event in events:
            time = _moment(event["time"])
            if self.began is None:
                self.began = time
            found += self._entries(event, time)
        # An answer stands before the line that says how it ended, and that before what came next.
        starts = sorted(time for time, rank, _ in found if rank == _START)
        found = [_not_behind(entry, starts) for entry in found]
        found.sort(key=lambda entry: (entry[0], entry[1]))
        shown = (self._played(time, each) for time, _, each in found)
        return [each for each in shown if each.lines]

    def _played(self, time: int, entry: _What) -> Shown:
        if isinstance(entry, bytes):
            return Shown(time, self._answers.feed(entry))
        if isinstance(entry, _Named):
            (self._answers.executed if entry.executed else self._answers.prepared)(entry.name)
            return Shown(time, entry.lines)
        if isinstance(entry, _Change):
            left = self._answers.cut() if self._answers.begun else []
            self._answers = Answers(entry.limit)
            return Shown(time, left + entry.lines)
        return entry

    def _entries(self, event: Event, time: int) -> list[_Entry]:
        kind = event["type"]
        if kind == RESULT:
            is_lost = bool(event.get("lost"))
            return [(time, _ANSWER, Shown(time, [LOST]) if is_lost else b64decode(event["data"]))]
        if kind in _SAID:
            return self._said(event, time)
        if kind == "PARSE" and event.get("name"):
            return [(time, _START, _Named(event["name"], [], executed=False))]
        if kind == "SESSION_START" or "recording" in (event.get("details") or {}):
            return [(time, _START, self._change(event, time))]
        if kind == "SESSION_END":
            lines = [f"{self._stamp(time)}-- the session ended{_why(event)}"]
            return [(time + _TOGETHER, _LAST, Shown(time, lines))]
        told = [f"{self._stamp(time)}-- {kind.lower()}{_about(event)}"]
        return [(time, _START, Shown(time, told))] if kind in _TOLD else []

    def _said(self, event: Event, time: int) -> list[_Entry]:
        done = time + event.get("duration_us", 0)
        said, outcome = [self._stamp(time) + _text(event), *_parameters(event)], _outcome(event)
        answered = done + (_TOGETHER if event.get("rows") or event.get("commands") else 0)
        name = event.get("name") if event["type"] == "EXECUTE" else None
        return [
            (time, _START, _Named(name, said, executed=True) if name else Shown(time, said)),
            (answered, _OUTCOME, Shown(done, [outcome, ""])),
        ]

    def _change(self, event: Event, time: int) -> _Change:
        details = event.get("details") or {}
        lines: list[str] = []
        if "user" in event:  # the first event of all
            who = f"{event.get('user')} as {event.get('role')} in {event.get('database')}"
            lines = [f"-- {who}, from {event.get('client')}, {event['time']}"]
        if event["type"] != "SESSION_START":
            lines.append(f"{self._stamp(time)}-- {event.get('reason')}")
        return _Change([*lines, ""], details.get("result_limit"))

    def _stamp(self, time: int) -> str:
        passed = max(0, time - (self.began or time)) / _SECOND
        minutes, seconds = divmod(passed, 60)
        return f"[{int(minutes):02d}:{seconds:06.3f}] "


def _not_behind(entry: _Entry, starts: list[int]) -> _Entry:
    """Return the entry of an end, at the latest when the next statement begins."""
    time, rank, what = entry
    if rank != _OUTCOME or not isinstance(what, Shown):
        return entry
    following = bisect_left(starts, what.time)
    if following < len(starts) and starts[following] < time:
        return starts[following], _BEFORE, what
    return entry


def _about(event: Event) -> str:
    """Return what a cancel request, a notice or a gap says of itself, behind a colon."""
    details = event.get("details") or {}
    said = event.get("reason") or details.get("notice") or (details and json.dumps(details))
    return f": {said}" if said else ""


def _why(event: Event) -> str:
    why = event.get("reason") or event.get("message") or event.get("status")
    return "" if why in (None, CLOSED) else f": {why}"


def _event(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise PieceError("an event of a recording cannot be read")
    return found


def _text(event: Event) -> str:
    if event["type"] == "FUNCTION_CALL":
        return f"(function {event.get('function')})"
    if event["type"] == "COMMIT":
        return "(commit)"
    text = str(event.get("text", "(unknown)"))
    size = event.get("text_bytes")
    return text if size is None else f"{text}… ({size} bytes)"


def _parameters(event: Event) -> list[str]:
    values = event.get("parameters")
    if not values:
        return []
    shown = (f"${number} = {_value(value)}" for number, value in enumerate(values, 1))
    return [f"-- {', '.join(shown)}"]


def _value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        return f"({value.get('bytes')} bytes)"
    return "'" + str(value).replace("'", "''") + "'"


def _outcome(event: Event) -> str:
    took = event.get("duration_us")
    spent = "" if took is None else f"  ({took / 1000:.1f} ms)"
    if event.get("status") == "denied":
        return f"DENIED by {event.get('rule')}: {event.get('reason')}{spent}"
    if "sqlstate" in event:
        return f"ERROR {event['sqlstate']}: {event.get('message', '(withheld)')}{spent}"
    tags = ", ".join(event.get("commands", ())) or str(event.get("status", ""))
    return f"{tags}{spent}"


def _moment(text: str) -> int:
    return round(parse_rfc3339(text).timestamp() * _SECOND)
