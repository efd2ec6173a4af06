"""Recordings as somebody watches them: what was to be seen, moment by moment, from any place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import Depends, Query
from pydantic import BaseModel

from pgward.audit.recording.answers import Table
from pgward.audit.recording.script import Scene
from pgward.audit.recording.told import Head, Outcome, Said, Told
from pgward.ca.archive import sessions
from pgward.ca.recordings import places
from pgward.ca.recordings.playback import PART_BYTES, Part
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Time
from pgward.ca.service.routes import recordings
from pgward.core.clock import parse_rfc3339

router = strict.router("audit")
MOST_MOMENTS = 120
MOST_ROWS = 50
_MOST_COLUMNS = 30
_MOST_LETTERS = 4000
_MOST_OF_A_VALUE = 200
_MOST_LINES = 200
_MOST_OF_ALL = 32 * 1024  # letters in an answer, with what a page needs around them
_AROUND = 300
_AROUND_A_VALUE = 15
_NUMBERS = frozenset({20, 21, 23, 26, 700, 701, 1700})  # OIDs of pg_type
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a recording: behind a piece, or at a time in seconds since it began.

    ``skip`` leaves out so many moments.
    """

    after: int = 0
    skip: int = 0
    at: float | None = None


def _place(
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    skip: Annotated[int, Query(ge=0, le=2**62)] = 0,
    at: Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False)] = None,
) -> Place:
    return Place(after, skip, at)


Chosen = Annotated[Place, Depends(_place)]


class ColumnInfo(BaseModel):
    """A column of a result; ``number`` if its values are."""

    name: str
    number: bool


class Moment(BaseModel):
    """Something that was to be seen, ``at`` so many seconds after the recording began.

    ``said`` is a statement, with ``parameters`` as SQL has them, and how long it took;
    ``outcome`` is how one ended, ``table`` rows of which null is NULL, ``lines`` other parts of an
    answer, ``told`` all else. ``more`` counts letters, rows or lines that are left out here.
    """

    at: float
    kind: Literal["said", "outcome", "table", "lines", "told"]
    text: str = ""
    more: int = 0
    parameters: str = ""
    status: str = ""
    seconds: float = 0
    rows: int | None = None
    columns: list[ColumnInfo] = []
    cells: list[list[str | None]] = []

    @property
    def letters(self) -> int:
        """How much it says."""
        values = sum(len(value or "") + _AROUND_A_VALUE for row in self.cells for value in row)
        return _AROUND + len(self.text) + len(self.parameters) + values


class Playback(BaseModel):
    """Moments behind a piece, without the first ``skipped``.

    ``after`` and ``skip`` lead on, ``back_after`` and ``back_skip`` back, null before the first.
    ``ended`` tells that nothing follows; a session that is ``live`` may go on.
    """

    began: Time | None
    moments: list[Moment]
    after: int
    skip: int
    back_after: int | None
    back_skip: int
    ended: bool
    live: bool
    problems: list[str]


class TimelineBar(BaseModel):
    """A part of a recording: where it is in seconds, and how many events it has."""

    at: float
    until: float
    events: int


class Timeline(BaseModel):
    """A recording as a whole: how long it is in seconds, and what happened when."""

    began: Time | None
    seconds: float
    bars: list[TimelineBar]


@router.get("/database-sessions/{session}/playback", summary="Play a part of a session's recording")
async def playback(
    *,
    context: Current,
    by: Auditor,
    session: recordings.SessionId,
    place: Chosen,
    edge: recordings.Edge = None,
    purpose: Annotated[str, Query(pattern="^(play|watch)$")] = "play",
) -> Playback:
    """Return what was to be seen behind a piece, or where it was ``at`` so many seconds."""
    begin = partial(recordings.begun, context, by, session, edge, purpose, follow=False)
    found = await run_sync(begin)
    play = partial(_played, context, found["edge"], session, place)
    shown = await run_sync(play, limiter=context.archive.searching)
    shown.live = found["ended_at"] is None and not shown.ended
    # Of a session whose end was not recorded nothing comes, either.
    shown.ended = shown.ended or not (shown.live or shown.moments)
    return shown


@router.get(
    "/database-sessions/{session}/timeline", summary="Show when something happened in a recording"
)
def timeline(
    context: Current, _by: Auditor, session: recordings.SessionId, edge: recordings.Edge = None
) -> Timeline:
    """Return how many events there are, from the beginning to the end of a recording."""
    with context.store.read() as connection:
        found = sessions.get(connection, session, edge)
        bars = places.bars(connection, found["edge"], session)
    if not bars:
        return Timeline(began=None, seconds=0, bars=[])
    began = min(each.first_time for each in bars)
    ends = [max(each.last_time for each in bars)]
    if found["ended_at"] is not None:
        ends.append(parse_rfc3339(found["ended_at"]))
    return Timeline(
        began=began,
        seconds=(max(ends) - began).total_seconds(),
        bars=[
            TimelineBar(
                at=(each.first_time - began).total_seconds(),
                until=(each.last_time - began).total_seconds(),
                events=each.events,
            )
            for each in bars
        ],
    )


def _played(context: Context, edge: str, session: str, place: Place) -> Playback:
    """Return a part, once it is known where it is."""
    after, skip, at = place.after, place.skip, place.at
    with context.store.read() as connection:
        began = places.began(connection, edge, session)
        if at is not None and began is not None:
            after = places.at(connection, edge, session, began + timedelta(seconds=at))
        back = places.before(connection, edge, session, after, PART_BYTES) if after else None
    part = context.recordings.playbacks.part(edge, session, after)
    moments = _moments(part, began)
    shown = _first(moments[skip:])
    if at is not None:
        passed = sum(1 for each in moments if each.at <= at)
        skip = 0 if passed <= len(shown) else passed - 1
        shown = _first(moments[skip:])
    is_more = skip + len(shown) < len(moments)
    return Playback(
        began=began,
        moments=shown,
        after=after if is_more else part.after,
        skip=skip + len(shown) if is_more else 0,
        back_after=after if skip else back,
        back_skip=max(0, skip - MOST_MOMENTS),
        ended=part.ended and not is_more,
        live=False,
        problems=part.problems,
    )


def _first(moments: list[Moment]) -> list[Moment]:
    """Return as many as an answer takes, and one at least."""
    found: list[Moment] = []
    letters = 0
    for each in moments[:MOST_MOMENTS]:
        letters += each.letters
        if found and letters > _MOST_OF_ALL:
            break
        found.append(each)
    return found


def _moments(part: Part, began: datetime | None) -> list[Moment]:
    first = 0 if began is None else round(began.timestamp() * _MICRO)
    found: list[Moment] = []
    last = 0
    for scene in part.scenes:
        last = max(last, scene.time - first)  # an answer may be recorded a bit after its end
        found += _of_scene(scene, last / _MICRO)
    return found


def _of_scene(scene: Scene, at: float) -> list[Moment]:
    lines = [each for each in scene.things if isinstance(each, str) and each]
    others = [_moment(each, at) for each in scene.things if not isinstance(each, str)]
    return [*others, *([_answered(lines, at)] if lines else [])]


def _answered(lines: list[str], at: float) -> Moment:
    kept = [each[:_MOST_LETTERS] for each in lines[:_MOST_LINES]]
    return Moment(at=at, kind="lines", text="\n".join(kept), more=len(lines) - len(kept))


def _moment(thing: Said | Outcome | Head | Told | Table, at: float) -> Moment:
    if isinstance(thing, Said):
        text, took = thing.text, thing.event.get("duration_us") or 0
        return Moment(
            at=at,
            kind="said",
            text=text[:_MOST_LETTERS],
            more=max(0, len(text) - _MOST_LETTERS),
            parameters=thing.parameters[:_MOST_LETTERS],
            status=Outcome(thing.event).kind,
            seconds=took / _MICRO,
        )
    if isinstance(thing, Outcome):
        took = thing.event.get("duration_us") or 0
        return Moment(
            at=at,
            kind="outcome",
            text=thing.text[:_MOST_LETTERS],
            status=thing.kind,
            seconds=took / _MICRO,
            rows=thing.event.get("rows"),
        )
    if isinstance(thing, Table):
        return _table(thing, at)
    return Moment(at=at, kind="told", text=thing.text[:_MOST_LETTERS])


def _table(table: Table, at: float) -> Moment:
    kept = table.rows[:MOST_ROWS]
    return Moment(
        at=at,
        kind="table",
        more=len(table.rows) - len(kept),
        rows=len(table.rows),
        columns=[
            ColumnInfo(name=each.name[:_MOST_OF_A_VALUE], number=each.type in _NUMBERS)
            for each in table.columns[:_MOST_COLUMNS]
        ],
        cells=[[_value(value) for value in row[:_MOST_COLUMNS]] for row in kept],
    )


def _value(value: str | None) -> str | None:
    if value is None or len(value) <= _MOST_OF_A_VALUE:
        return value
    return f"{value[:_MOST_OF_A_VALUE]}… ({len(value)} letters)"
