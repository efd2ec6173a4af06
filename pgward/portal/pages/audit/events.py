"""``/audit/events``: the authority's own log, searched."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Path, Response

from pgward.audit.events import Outcome
from pgward.ca.service import errors
from pgward.ca.service.routes import audit_events
from pgward.ca.service.routes.audit_events import FacetsReply
from pgward.ca.store.audit_searching import EventFilter
from pgward.core.errors import InvalidInputError
from pgward.portal.pages.audit import asked, exports, searches
from pgward.portal.pages.audit.asked import Cursor, Query, When, Word, Words
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Auditor, Frame

router = route.router()
PAGE = "/audit/events"
_ON_A_PAGE = 50
_FIELDS = (
    *("seq", "time", "source", "actor", "action", "target", "outcome", "reason", "client"),
    "details",
)
_DIGITS = 12
_NUMBER = re.compile(r"[0-9a-f]{20,}")
_Seq = Annotated[int, Path(ge=1, le=2**62)]


class EventsAsked(Query):
    """Which events."""

    since: When = ""
    until: When = ""
    action: Word = ""
    actor: Word = ""
    outcome: Outcome | Literal[""] = ""
    source: Word = ""
    target: Word = ""
    text: Words = ""
    cursor: Cursor = ""

    def filter(self, frame: Frame) -> EventFilter:
        """Return it as the API takes it; raise InvalidInputError."""
        now = frame.context.now()
        return EventFilter(
            since=asked.moment(self.since, now),
            until=asked.moment(self.until, now),
            outcome=self.outcome or None,
            action=self.action or None,
            actor=self.actor or None,
            source=self.source or None,
            target=self.target or None,
            contains=self.text or None,
        )


class EventsExport(EventsAsked, exports.Export):
    """Which events, and as what."""

    model_config = Form.model_config


@dataclass(frozen=True, slots=True)
class Found:
    """A page of events, and what they have in common."""

    events: Sequence[Mapping[str, Any]] = ()
    next: str | None = None
    facets: FacetsReply | None = None


@router.get(PAGE)
def search(frame: Auditor) -> Response:
    """Show events, the newest first, and by what they can be narrowed down."""
    given = dict(frame.request.query_params)
    try:
        wanted, problem = asked.read(EventsAsked, given), None
        found = _find(frame, wanted)
    except InvalidInputError as error:
        wanted, problem, found = asked.typed(EventsAsked, given), error, Found()
    return frame.show(
        "audit/events.html",
        status=200 if problem is None else errors.status(problem),
        problem=problem,
        asked=wanted,
        found=found,
        said=wanted.said("cursor"),
        kept=searches.of(frame, "events"),
        query=urlencode(wanted.said("cursor")),
        most=exports.MOST,
        short=short,
    )


@router.get(PAGE + "/{seq}")
def show(frame: Auditor, seq: _Seq) -> Response:
    """Show an event whole."""
    found = audit_events.show(frame.context, frame.me, seq)
    return frame.show(
        "audit/event.html",
        event=found,
        details=[(name, written(value)) for name, value in found["details"].items()],
        whole=json.dumps(found, indent=2, ensure_ascii=False),
    )


def short(target: str) -> str:
    """Return what an event is about; of a long number, which nobody reads, its beginning."""
    return f"{target[:_DIGITS]}…" if _NUMBER.fullmatch(target) else target


def written(value: Any) -> str:
    """Return a value of a record's as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@router.post(PAGE + "/export")
def export(frame: Auditor) -> Response:
    """Give all that a search finds as a file."""
    form = frame.form(EventsExport)
    chosen = form.filter(frame)
    exports.note(frame, "events", form.said("form", "csrf"))

    def pages() -> Iterator[exports.Rows]:
        cursor: str | None = None
        while True:
            page = audit_events.search(
                frame.context, frame.me, chosen, limit=audit_events.MOST_EVENTS, cursor=cursor
            )
            yield page.events
            cursor = page.cursor
            if cursor is None:
                return

    return exports.answer(frame, "events", form.form, _FIELDS, pages())


def _find(frame: Frame, wanted: EventsAsked) -> Found:
    context, me, chosen = frame.context, frame.me, wanted.filter(frame)
    page = audit_events.search(context, me, chosen, limit=_ON_A_PAGE, cursor=wanted.cursor or None)
    facets = audit_events.facets(context, me, chosen)
    return Found(page.events, page.cursor and frame.link(cursor=page.cursor), facets)
