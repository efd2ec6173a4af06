"""Searching the audit log: the newest first, in pages that look at a bounded number of events."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.events import Outcome
from pgward.ca.store.audit import as_json
from pgward.ca.store.schema import REFUSED, audit_events
from pgward.core.errors import InvalidInputError, NotFoundError

MOST_SCANNED: Final = 200_000
"""Events that are looked at for one page, where no index tells which are wanted."""
COUNTED: Final = 2_000
"""Of so many of the newest that are wanted, facets are counted."""
_SCANNED_TO_COUNT = 20_000
FACETS: Final = ("action", "actor", "outcome", "source")
_MOST_VALUES = 12
_COLUMNS = audit_events.c
_SEARCHED = ("target", "reason", "client")
_CURSOR = re.compile(r"(\d{1,18}),(\d{1,18})")
_ORDER = (_COLUMNS.time.desc(), _COLUMNS.seq.desc())
_MICROSECOND = timedelta(microseconds=1)
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: every field that is not None must match.

    Times are from ``since`` on, and before ``until``. ``action`` may end in ``*``; ``contains`` is
    looked for in target, reason, client and details, without regard to case of ASCII's letters.
    """

    since: datetime | None = None
    until: datetime | None = None
    action: str | None = None
    actor: str | None = None
    outcome: Outcome | None = None
    source: str | None = None
    target: str | None = None
    contains: str | None = None

    def indexed(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that an index answers."""
        found: list[sa.ColumnElement[bool]] = []
        if self.since is not None:
            found.append(_COLUMNS.time >= self.since)
        if self.until is not None:
            found.append(_COLUMNS.time < self.until)
        if self.actor is not None:
            found.append(_COLUMNS.actor == self.actor)
        if self.outcome is not None:
            found.append(_COLUMNS.outcome == self.outcome)
            if self.outcome != "ok":  # said for the index, which has only such
                found.append(sa.text(REFUSED))  # type: ignore[arg-type]  # it is one
        if self.action is not None and not self.action.endswith("*"):
            found.append(_COLUMNS.action == self.action)
        return found

    def scanned(self, dialect: str) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for which events are looked at."""
        found: list[sa.ColumnElement[bool]] = []
        if self.action is not None and self.action.endswith("*"):
            found.append(_COLUMNS.action.startswith(self.action[:-1], autoescape=True))
        for name in ("source", "target"):
            value = getattr(self, name)
            if value is not None:
                found.append(_COLUMNS[name] == value)
        if self.contains is not None:
            found.append(_says(self.contains, dialect))
        return found


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, the newest first; ``cursor`` leads on, also where a page ended before it was full."""

    events: list[dict[str, Any]]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Facets:
    """How many of the newest ``counted`` events have which value, the most frequent first.

    ``is_all``: there are no more than these.
    """

    counted: int
    is_all: bool
    values: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)


def page(
    connection: Connection,
    wanted: EventFilter,
    *,
    limit: int = 100,
    cursor: str | None = None,
    scan: int = MOST_SCANNED,
) -> EventPage:
    """Return the next events; raise InvalidInputError for a cursor that is none."""
    inside = wanted.indexed()
    if cursor is not None:
        inside.append(_behind(cursor))
    outside = wanted.scanned(connection.dialect.name)
    if not outside:
        rows = _rows(connection, sa.select(audit_events).where(*inside), limit + 1)
        last = _place(rows[limit - 1]) if len(rows) > limit else None
        return EventPage([as_json(row) for row in rows[:limit]], last)
    end = _scanned_to(connection, inside, scan)
    if end is not None:
        inside.append(_not_behind(end))
    rows = _rows(connection, sa.select(audit_events).where(*inside, *outside), limit + 1)
    if len(rows) > limit:
        end = _place(rows[limit - 1])
    return EventPage([as_json(row) for row in rows[:limit]], end)


def facets(connection: Connection, wanted: EventFilter, *, most: int = COUNTED) -> Facets:
    """Count values among the newest events that are wanted."""
    inside, outside = wanted.indexed(), wanted.scanned(connection.dialect.name)
    end = _scanned_to(connection, inside, _SCANNED_TO_COUNT) if outside else None
    if end is not None:
        inside.append(_not_behind(end))
    some = sa.select(*(_COLUMNS[name] for name in FACETS)).where(*inside, *outside)
    rows = connection.execute(some.order_by(*_ORDER).limit(most + 1)).all()
    columns = zip(FACETS, zip(*rows[:most], strict=True), strict=False)  # without rows none
    return Facets(
        min(len(rows), most),
        len(rows) <= most and end is None,
        {name: _counts(values) for name, values in columns},
    )


def one(connection: Connection, seq: int) -> dict[str, Any]:
    """Return an event by its number; raise NotFoundError."""
    rows = _rows(connection, sa.select(audit_events).where(_COLUMNS.seq == seq), 1)
    if not rows:
        raise NotFoundError(f"there is no event {seq}")
    return as_json(rows[0])


def _counts(values: Iterable[str]) -> list[tuple[str, int]]:
    counted = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return counted[:_MOST_VALUES]


def _rows(connection: Connection, statement: sa.Select[Any], most: int) -> Sequence[sa.RowMapping]:
    return connection.execute(statement.order_by(*_ORDER).limit(most)).mappings().all()


def _scanned_to(
    connection: Connection, inside: Sequence[sa.ColumnElement[bool]], most: int
) -> str | None:
    """Return where the last of so many events stands; None where there are not so many."""
    statement = sa.select(_COLUMNS.time, _COLUMNS.seq).where(*inside).order_by(*_ORDER)
    row = connection.execute(statement.offset(most - 1).limit(1)).mappings().first()
    return None if row is None else _place(row)


def _says(text: str, dialect: str) -> sa.ColumnElement[bool]:
    """Tell whether an event has a text; in details it stands as JSON writes it."""
    quoted = json.dumps(text, ensure_ascii=dialect == "sqlite")[1:-1]
    details = sa.cast(_COLUMNS.details, sa.Text)
    return sa.or_(
        *(_COLUMNS[name].icontains(text, autoescape=True) for name in _SEARCHED),
        details.icontains(quoted, autoescape=True),
    )


def _place(row: sa.RowMapping) -> str:
    return f"{(row['time'] - _BEGIN) // _MICROSECOND},{row['seq']}"


def _read(cursor: str) -> tuple[datetime, int]:
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is not None:
            return _BEGIN + int(found[1]) * _MICROSECOND, int(found[2])
    except OverflowError:
        pass
    raise InvalidInputError("that cursor is of another search")


def _behind(cursor: str) -> sa.ColumnElement[bool]:
    time, seq = _read(cursor)
    # The first condition is for the index: not every planner takes a place for a range.
    return sa.and_(_COLUMNS.time <= time, sa.or_(_COLUMNS.time < time, _COLUMNS.seq < seq))


def _not_behind(cursor: str) -> sa.ColumnElement[bool]:
    time, seq = _read(cursor)
    return sa.and_(_COLUMNS.time >= time, sa.or_(_COLUMNS.time > time, _COLUMNS.seq >= seq))
