"""``/audit``: how much happened, and what of it wants to be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query, Response

from pgward.ca.service.routes import access_reviews, audit_archive, audit_checks, audit_events
from pgward.ca.service.routes.audit_events import NumbersModel
from pgward.ca.store.audit_numbers import KINDS, Unit
from pgward.portal.charts import bars
from pgward.portal.charts.bars import BarChart, Series
from pgward.portal.web import route
from pgward.portal.web.frame import Auditor, Frame

router = route.router()


@dataclass(frozen=True, slots=True)
class Period:
    """What is looked at: so many hours or days, some of them in one bar."""

    title: str
    unit: Unit
    number: int
    together: int
    form: str

    def label(self, at: datetime) -> str:
        """Name the time of a bar."""
        return at.strftime(self.form)


PERIODS: Final[Mapping[str, Period]] = {
    "24h": Period("24 hours", "hour", 24, 1, "%H:00"),
    "7d": Period("7 days", "hour", 168, 6, "%a %H:00"),
    "30d": Period("30 days", "day", 30, 1, "%d %b"),
    "90d": Period("90 days", "day", 90, 3, "%d %b"),
}
_FIRST = "24h"
_EVENTS, _STATEMENTS = "/audit/events", "/audit/statements"
_Period = Annotated[str, Query(max_length=10)]


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one bar."""

    label: str
    path: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Attention:
    """What should be looked at."""

    text: str
    path: str


@router.get("/audit")
def overview(frame: Auditor, period: _Period = _FIRST) -> Response:
    """Show numbers and charts of some time, and what is wrong with the records."""
    name = period if period in PERIODS else _FIRST
    chosen = PERIODS[name]
    reply = audit_events.numbers(frame.context, frame.me, chosen.unit, chosen.number)
    rows = _rows(reply.numbers, chosen)
    totals = {kind: sum(row.values[place] for row in rows) for place, kind in enumerate(KINDS)}
    return frame.show(
        "audit/overview.html",
        period=name,
        periods=[(each, about.title) for each, about in PERIODS.items()],
        totals=totals,
        charts=_charts(rows),
        rows=rows,
        attention=_attention(frame),
        links=_links(name),
    )


def _rows(numbers: Sequence[NumbersModel], period: Period) -> list[Row]:
    """Join as many hours or days as stand in one bar."""
    found = []
    for start in range(0, len(numbers), period.together):
        some = numbers[start : start + period.together]
        following = start + period.together
        until = numbers[following].at if following < len(numbers) else None
        asked = {"since": f"{some[0].at:%Y-%m-%d %H:%M}"}
        if until is not None:
            asked["until"] = f"{until:%Y-%m-%d %H:%M}"
        values = [sum(getattr(each, kind) for each in some) for kind in KINDS]
        found.append(Row(period.label(some[0].at), f"{_EVENTS}?{urlencode(asked)}", values))
    return found


def _charts(rows: Sequence[Row]) -> list[BarChart]:
    moments = [each.label for each in rows]

    def series(name: str, kind: str, *columns: tuple[str, int]) -> Series:
        values = [
            sum(sign * row.values[KINDS.index(column)] for column, sign in columns) for row in rows
        ]
        return Series(name, kind, [max(0, each) for each in values])

    return [
        bars.draw(
            "Logins",
            moments,
            [
                series("logins", "plain", ("logins", 1)),
                series("refused or failed", "bad", ("failed_logins", 1)),
            ],
        ),
        bars.draw("Database sessions", moments, [series("began", "plain", ("sessions", 1))]),
        bars.draw(
            "Statements",
            moments,
            [
                series("went well", "plain", ("statements", 1), ("errors", -1)),
                series("ended with an error", "warn", ("errors", 1)),
            ],
        ),
        bars.draw("Denials", moments, [series("denied", "bad", ("denials", 1))]),
    ]


def _links(period: str) -> dict[str, str]:
    """Return where the numbers come from."""
    login = {"action": "session.start", "since": period}
    found = {
        "logins": (_EVENTS, login | {"outcome": "ok"}),
        "failed_logins": (_EVENTS, login | {"outcome": "denied"}),
        "sessions": (_EVENTS, {"action": "session.open", "since": period}),
        "statements": (_STATEMENTS, {"since": period}),
        "errors": (_STATEMENTS, {"status": "error", "since": period}),
        "denials": (_EVENTS, {"outcome": "denied", "since": period}),
    }
    return {name: f"{path}?{urlencode(asked)}" for name, (path, asked) in found.items()}


def _attention(frame: Frame) -> list[Attention]:
    """Return what is wrong with the records, and which rights wait for a word."""
    context, me = frame.context, frame.me
    found = []
    checks = audit_checks.every(context, me, limit=5).checks
    last = next((each for each in checks if each.ended_at and each.trouble is None), None)
    chains = audit_archive.every_chain(context, me).chains
    if last is not None and last.problems:
        found.append(Attention("Somebody changed what is on record", "/audit/chain"))
    elif chains and last is None:
        found.append(Attention("What edges put on record was never verified here", "/audit/chain"))
    gaps = sum(bool(each.gaps) for each in chains)
    if gaps:
        found.append(Attention(f"Lines never came: chains with gaps: {gaps}", "/audit/chain"))
    for review in access_reviews.every(context, me).reviews:
        if review.overdue:
            text = f"The review {review.name} is overdue: {review.counts.open} rights are open"
            found.append(Attention(text, f"/reviews/{review.name}"))
    return found
