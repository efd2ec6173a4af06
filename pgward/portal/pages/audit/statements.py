"""``/audit/statements``: what was said to databases, as edges put it on record."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from anyio import from_thread
from anyio.to_thread import run_sync
from fastapi import Path, Response
from pydantic import Field

from pgward.audit.sound import sound
from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Text
from pgward.ca.archive.search import MOST_RECORDS, Page
from pgward.ca.service import errors
from pgward.ca.service.routes import audit_archive
from pgward.client.audit_records import said
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.portal.pages.audit import asked, events, exports, searches
from pgward.portal.pages.audit.asked import Cursor, Query, When, Word, Words
from pgward.portal.web import filters, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Auditor, Frame

router = route.router()
PAGE = "/audit/statements"
STATUSES = ("ok", "error", "denied", "skipped", "unknown")
TYPES = (
    *("SESSION_START", "SESSION_END", "QUERY", "PARSE", "BIND", "EXECUTE", "CLOSE"),
    *("FUNCTION_CALL", "COPY", "CANCEL", "DENIED", "NOTICE", "TEXT", "GAP", "RECORDING"),
)
_FACETS = ("type", "user", "service", "status", "edge")
_FIELDS = (
    *("time", "edge", "user", "service", "database", "role", "client", "application", "session"),
    *("type", "status", "rows", "duration_us", "sqlstate", "text", "parameters", "message"),
    *("reason", "id"),
)
_SHOWN = ("time", "edge", "user", "service", "type", "status", "rows", "duration_us", "message")
_ON_A_PAGE = 50
_COUNTED = 500
_MOST_VALUES = 12
_LONGEST = 200
_PER_PAGE_OF_A_FILE = MOST_RECORDS
_MICROSECOND = timedelta(microseconds=1)
_Part = Annotated[str, Path(max_length=256)]


class StatementsAsked(Query):
    """Which records."""

    since: When = ""
    until: When = ""
    user: Word = ""
    service: Word = ""
    status: Word = ""
    type: Word = ""
    edge: Word = ""
    session: Word = ""
    text: Words = ""
    regex: Words = ""
    cursor: Cursor = ""

    def wanted(self, frame: Frame) -> Wanted:
        """Return which records; raise InvalidInputError."""
        now = frame.context.now()
        names = ("edge", "user", "service", "session", "type", "status")
        named = {name: getattr(self, name) or None for name in names}
        return Wanted(asked.moment(self.since, now), asked.moment(self.until, now), **named)

    def says(self) -> Text:
        """Return what they must say."""
        return Text(self.text or None, self.regex or None)

    def noted(self) -> dict[str, str]:
        """Return it with the API's names, as it stands on record."""
        return {"contains" if name == "text" else name: each for name, each in self.said().items()}


class StatementsExport(StatementsAsked, exports.Export):
    """Which records, and as what."""

    model_config = Form.model_config


class At(Query):
    """When a record says that it was."""

    at: Annotated[str, Field(max_length=40)]


@dataclass(frozen=True, slots=True)
class Row:
    """A record in a line."""

    of: Mapping[str, Any]
    said: str
    path: str

    @property
    def took(self) -> str:
        """How long it took, in milliseconds, or in seconds if it was long."""
        took = self.of.get("duration_us")
        return "" if took is None else filters.took(took / 1_000_000)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records, and what more of them have in common."""

    rows: Sequence[Row] = ()
    next: str | None = None
    counted: int = 0
    is_all: bool = False
    looked_at: int = 0
    lost: Sequence[Mapping[str, Any]] = ()
    facets: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)


@router.get(PAGE)
async def search(frame: Auditor) -> Response:
    """Show records, the newest first, and by what they can be narrowed down."""
    given = dict(frame.request.query_params)
    try:
        wanted, problem = asked.read(StatementsAsked, given), None
        page = await audit_archive.find(
            *(frame.context, frame.me, wanted.wanted(frame), wanted.says()),
            asked=wanted.noted(),
            limit=_COUNTED,
            cursor=wanted.cursor or None,
        )
        found = await run_sync(_found, frame, page)
    except InvalidInputError as error:
        wanted, problem, found = asked.typed(StatementsAsked, given), error, Found()
    show = partial(
        frame.show,
        "audit/statements.html",
        status=200 if problem is None else errors.status(problem),
        problem=problem,
        asked=wanted,
        found=found,
        said=wanted.said("cursor"),
        query=urlencode(wanted.said("cursor")),
        most=exports.MOST,
        types=TYPES,
        statuses=STATUSES,
    )
    return await run_sync(lambda: show(kept=searches.of(frame, "statements")))


@router.post(PAGE + "/export")
def export(frame: Auditor) -> Response:
    """Give all that a search finds as a file."""
    form = frame.form(StatementsExport)
    wanted, text = form.wanted(frame), form.says()
    exports.note(frame, "statements", form.said("form", "csrf", "cursor"))

    def pages() -> Iterator[exports.Rows]:
        cursor: str | None = None
        while True:
            read = partial(audit_archive.page_of, limit=_PER_PAGE_OF_A_FILE, cursor=cursor)
            page = from_thread.run(read, frame.context, wanted, text)
            yield [json.loads(line) for line in page.lines]
            cursor = page.cursor
            if cursor is None:
                return

    return exports.answer(frame, "statements", form.form, _FIELDS, pages())


@router.get(PAGE + "/{edge}/{record}")
async def show(frame: Auditor, edge: _Part, record: _Part) -> Response:
    """Show a record whole; when it was leads to where it is in the archive."""
    try:
        at = parse_rfc3339(asked.read(At, dict(frame.request.query_params)).at)
        wanted = Wanted(at, at + _MICROSECOND, edge)
    except (ValueError, OverflowError, InvalidInputError):
        raise NotFoundError("there is no such record", hint="search for it") from None
    page = await audit_archive.page_of(frame.context, wanted, Text(), limit=MOST_RECORDS)
    records: list[dict[str, Any]] = [json.loads(line) for line in page.lines]
    found = next((each for each in records if each.get("id") == record), None)
    if found is None:
        raise NotFoundError("there is no such record", hint="it may be kept no longer")
    await run_sync(audit_archive.note_record, frame.context, frame.me, edge, record)
    return await run_sync(_show, frame, found)


def _show(frame: Frame, found: Mapping[str, Any]) -> Response:
    details = [
        (name, events.written(value))
        for name, value in found.items()
        if name not in ("text", "time", "type", "status")
    ]
    whole = json.dumps(found, indent=2, ensure_ascii=False)
    record = {name: found.get(name, "") for name in ("id", "time", *_FIELDS)}
    named = [quote(str(record[name]), safe="") for name in ("edge", "session")]
    return frame.show(
        "audit/statement.html",
        record=record,
        details=details,
        whole=whole,
        session="/sessions/" + "/".join(named) if all(named) else None,
    )


def _found(frame: Frame, page: Page) -> Found:
    records: list[dict[str, Any]] = [json.loads(line) for line in page.lines]
    has_more = len(records) > _ON_A_PAGE
    following = page.cursors[_ON_A_PAGE - 1] if has_more else page.cursor
    return Found(
        rows=[_row(each) for each in records[:_ON_A_PAGE]],
        next=following and frame.link(cursor=following),
        counted=len(records),
        is_all=page.cursor is None and "cursor" not in frame.request.query_params,
        looked_at=page.records,
        lost=page.lost,
        facets={name: _counts(records, name) for name in _FACETS},
    )


def _counts(records: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, int]]:
    counted = Counter(str(each[name]) for each in records if each.get(name) is not None)
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:_MOST_VALUES]


def _row(record: Mapping[str, Any]) -> Row:
    record = sound(record)
    text = " ".join(said(record).split())
    query = urlencode({"at": record.get("time", "")})
    path = "/".join(quote(str(record.get(name, "")), safe="") for name in ("edge", "id"))
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    of = {name: record.get(name) for name in _SHOWN}
    return Row(of, shown, f"{PAGE}/{path}?{query}")
