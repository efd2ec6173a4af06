"""How much happened, hour by hour or day by day: logins, database sessions, denials, statements."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema import REFUSED, audit_events
from pgward.ca.store.schema_archive import database_sessions

Unit = Literal["hour", "day"]
SIZES: Final[Mapping[Unit, timedelta]] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
KEPT: Final = timedelta(minutes=10)
_FRESH = 2  # hours or days that are counted each time
_MOST_KNOWN = 4_000
_EVENTS = audit_events.c
_SESSIONS = database_sessions.c
_LOGIN = "session.start"
_SUMMED = ("statements", "errors", "denied")
_FORMATS: Final[Mapping[Unit, str]] = {"hour": "%Y-%m-%d %H", "day": "%Y-%m-%d"}
_POSTGRESQL: Final[Mapping[Unit, str]] = {"hour": "YYYY-MM-DD HH24", "day": "YYYY-MM-DD"}


@dataclass(slots=True)
class Numbers:
    """What happened in an hour or a day.

    ``denials`` are refusals of the authority and of edges, and statements that a policy refused.
    Database sessions count when they began, with all their statements.
    """

    logins: int = 0
    failed_logins: int = 0
    sessions: int = 0
    statements: int = 0
    errors: int = 0
    denials: int = 0


KINDS: Final = tuple(each.name for each in fields(Numbers))
Buckets = dict[datetime, Numbers]
"""Numbers by when their hour or day began."""


def beginning(moment: datetime, unit: Unit) -> datetime:
    """Return when the hour or the day (in UTC) of a moment began."""
    whole = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole if unit == "hour" else whole.replace(hour=0)


def count(connection: Connection, first: datetime, number: int, unit: Unit) -> Buckets:
    """Count what happened in so many hours or days from one on."""
    buckets = {first + each * SIZES[unit]: Numbers() for each in range(number)}
    named = {moment.strftime(_FORMATS[unit]): each for moment, each in buckets.items()}
    counting = _Counting(connection, unit, first, first + number * SIZES[unit])
    for name, outcome, found in counting.events(_EVENTS.action == _LOGIN):
        if outcome == "ok":
            named[name].logins += found
        else:
            named[name].failed_logins += found
    for name, _, found in counting.events(_EVENTS.outcome == "denied", sa.text(REFUSED)):
        named[name].denials += found
    for name, sessions, statements, errors, denied in counting.sessions():
        one = named[name]
        one.sessions, one.statements, one.errors = int(sessions), int(statements), int(errors)
        one.denials += int(denied)
    return buckets


@dataclass(frozen=True, slots=True)
class _Counting:
    connection: Connection
    unit: Unit
    since: datetime
    until: datetime

    def events(self, *conditions: Any) -> Iterable[Any]:
        """Return name of the hour or day, outcome, and how many."""
        bucket = self._bucket(_EVENTS.time)
        statement = sa.select(bucket, _EVENTS.outcome, sa.func.count())
        statement = statement.where(*conditions, *self._inside(_EVENTS.time))
        return self.connection.execute(statement.group_by(bucket, _EVENTS.outcome))

    def sessions(self) -> Iterable[Any]:
        """Return name of the hour or day, how many began, and sums of what they did."""
        bucket = self._bucket(_SESSIONS.started_at)
        sums = (sa.func.sum(_SESSIONS[name]) for name in _SUMMED)
        statement = sa.select(bucket, sa.func.count(), *sums)
        statement = statement.where(*self._inside(_SESSIONS.started_at))
        return self.connection.execute(statement.group_by(bucket))

    def _inside(self, column: sa.Column[datetime]) -> tuple[sa.ColumnElement[bool], ...]:
        return column >= self.since, column < self.until

    def _bucket(self, column: sa.Column[datetime]) -> sa.ColumnElement[str]:
        if self.connection.dialect.name == "postgresql":
            moment = sa.func.timezone(sa.literal_column("'UTC'"), column)
            form: sa.ColumnElement[str] = sa.literal_column(f"'{_POSTGRESQL[self.unit]}'")
            return sa.func.to_char(moment, form)
        letters = len(self.since.strftime(_FORMATS[self.unit]))
        text = sa.type_coerce(column, sa.String)
        return sa.func.substr(text, 1, sa.literal_column(str(letters)))


class Tally:
    """Counts, and for some minutes remembers what was long ago: it changes by late records alone.

    Any thread may use it.
    """

    def __init__(self, read: Callable[[datetime, int, Unit], Buckets]) -> None:
        """``read`` counts as ``count`` does."""
        self._read = read
        self._known: dict[tuple[Unit, datetime], tuple[datetime, Numbers]] = {}

    def numbers(self, now: datetime, number: int, unit: Unit) -> Buckets:
        """Return the numbers of so many hours or days, the present one last."""
        last, size = beginning(now, unit), SIZES[unit]
        moments = [last - each * size for each in reversed(range(number))]
        found: Buckets = {}
        for moment in moments[:-_FRESH]:
            known = self._known.get((unit, moment))
            if known is None or now - known[0] > KEPT:
                break
            found[moment] = known[1]
        missing = moments[len(found) :]
        fresh = self._read(missing[0], len(missing), unit)
        if len(self._known) > _MOST_KNOWN:
            self._known = {}
        self._known |= {(unit, moment): (now, each) for moment, each in fresh.items()}
        return found | fresh
