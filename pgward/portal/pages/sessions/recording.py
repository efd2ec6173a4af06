"""``/sessions/EDGE/ID/recording``: the player; by hand page by page, with a script as it was.

The script asks for ``…/recording/part``, which has the same moments and nothing around them.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Query, Response

from pgward.audit.recording.told import Outcome
from pgward.audit.sound import sound
from pgward.ca.service.routes import recording_playback
from pgward.ca.service.routes.database_sessions import Part, ShownSession
from pgward.ca.service.routes.recording_playback import Chosen, Place, Playback, Timeline
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.portal.pages.sessions import access, lists, timeline
from pgward.portal.pages.sessions.one import Edge, Id
from pgward.portal.web import route
from pgward.portal.web.frame import Auditor, Frame

router = route.router()
_MOST_MARKS = 40
_MOST_PROBLEMS = 5
_Find = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A record that one may want to see: when it was in seconds, and what it said."""

    at: float
    text: str
    outcome: Outcome


@router.get("/sessions/{edge}/{session}/recording")
async def show(
    *, frame: Auditor, edge: Edge, session: Id, place: Chosen, find: _Find = ""
) -> Response:
    """Show the player, at a place in the recording."""
    found = await run_sync(access.one, frame, edge, session)
    path = lists.line(found, frame.context.now()).path
    try:
        played = await _played(frame, found, place)
    except NotFoundError as error:
        return frame.go(path, f"{error.message[:1].upper()}{error.message[1:]}.", "warning")
    whole = await run_sync(recording_playback.timeline, frame.context, frame.me, session, edge)
    troubles = [
        each for word in ("error", "denied") for each in await _marks(frame, found, played, word)
    ]
    problem, hits = None, []
    if find.strip():
        try:
            hits = await _marks(frame, found, played, None, find.strip())
        except InvalidInputError as error:
            problem = error
    return await run_sync(
        lambda: frame.show(
            "sessions/recording.html",
            **_facts(played, path),
            **_drawn(whole, played, troubles),
            session=found,
            shown=lists.line(found, frame.context.now()),
            find=find,
            hits=hits,
            most=_MOST_MARKS,
            troubles=sorted(troubles, key=lambda each: each.at),
            start=_start(played, place),
            problem=problem,
        )
    )


@router.get("/sessions/{edge}/{session}/recording/part")
async def part(frame: Auditor, edge: Edge, session: Id, place: Chosen) -> Response:
    """Show moments alone, for the player's script."""
    found = await run_sync(access.one, frame, edge, session)
    played = await _played(frame, found, place)
    path = lists.line(found, frame.context.now()).path
    return await run_sync(lambda: frame.show("sessions/part.html", **_facts(played, path)))


async def _played(frame: Frame, found: ShownSession, place: Place) -> Playback:
    return await recording_playback.playback(
        context=frame.context,
        by=frame.me,
        session=found.id,
        place=place,
        edge=found.edge,
        purpose="watch" if found.ended_at is None else "play",
    )


async def _marks(
    frame: Frame, found: ShownSession, played: Playback, only: str | None, find: str | None = None
) -> list[Mark]:
    """Return records that are chosen so, as they were said."""
    wanted = Part(only, find, "oldest", _MOST_MARKS)
    said = await access.said(frame, found.edge, found.id, wanted)
    began = played.began or parse_rfc3339(found.started_at)
    return [
        Mark(
            max(0.0, (parse_rfc3339(each["time"]) - began).total_seconds()),
            str(each.get("text") or each.get("message") or each.get("reason") or each["type"]),
            Outcome(sound(each)),
        )
        for each in said.records
        if each["type"] not in {"RECORDING", "TEXT"}
    ]


def _facts(played: Playback, path: str) -> dict[str, Any]:
    """Return what the moments' part of the page needs."""
    next_query = f"after={played.after}&skip={played.skip}"
    back = None
    if played.back_after is not None:
        back = f"after={played.back_after}&skip={played.back_skip}"
    left = len(played.problems) - _MOST_PROBLEMS
    return {
        "played": played,
        "path": f"{path}/recording",
        "next": None if played.ended else next_query,
        "back": back,
        "problems": played.problems[:_MOST_PROBLEMS],
        "more_problems": max(0, left),
    }


def _drawn(whole: Timeline, played: Playback, troubles: list[Mark]) -> dict[str, Any]:
    """Return the picture of the whole."""
    marks = [(each.at, each.text) for each in troubles]
    return {
        "whole": whole,
        "outline": timeline.outline(whole),
        "reaches": timeline.reaches(whole),
        "marks": [*timeline.statements(whole, played.moments), *timeline.troubles(whole, marks)],
        "width": timeline.WIDTH,
        "height": timeline.HEIGHT,
    }


def _start(played: Playback, place: Place) -> float:
    """Return at which second the player stands."""
    if place.at is not None:
        return place.at
    if not (place.after or place.skip) or not played.moments:
        return 0.0
    return played.moments[0].at
