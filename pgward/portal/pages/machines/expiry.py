"""``/admin/ca/expiry``: a calendar of what ends when, if nothing renews it before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import Response

from pgward.ca.service.routes import crls, expiries, rotations
from pgward.portal.pages.machines.common import FEW
from pgward.portal.pages.machines.fleets import FLEETS
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_WEEKS = 14
_DAYS = 7
# So many in a day make the darkest square.
_MANY = 20


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends, when, and where more is said of it."""

    what: str
    name: str
    at: datetime
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; ``heat`` is from 0, for nothing that ends, to 4."""

    date: date
    number: int
    heat: int
    is_today: bool
    is_past: bool


@router.get("/admin/ca/expiry")
def calendar(frame: Administrator) -> Response:
    """Show in which days certificates, lists and CAs end, and which ones."""
    now = frame.context.now()
    reply = expiries.every(frame.context, frame.me, days=_WEEKS * _DAYS)
    last = now + timedelta(days=_WEEKS * _DAYS)
    found = sorted(
        [*_machines(frame, reply.expiries), *_own(frame, last)], key=lambda each: each.at
    )
    return frame.show(
        "machines/expiry.html",
        ended=[each for each in found if each.at <= now],
        coming=[each for each in found if each.at > now],
        more=reply.more,
        most=FEW,
        weeks=weeks([each.at.date() for each in found], now.date()),
        days=_WEEKS * _DAYS,
        now=now,
    )


def weeks(ends: Sequence[date], today: date) -> list[list[Day]]:
    """Return whole weeks from this one's Monday on, each day with how many end in it."""
    counts = Counter(ends)
    monday = today - timedelta(days=today.weekday())
    dates = [monday + timedelta(days=number) for number in range(_WEEKS * _DAYS)]
    days = [
        Day(each, counts[each], _heat(counts[each]), each == today, each < today) for each in dates
    ]
    return [days[start : start + _DAYS] for start in range(0, len(days), _DAYS)]


def _heat(number: int) -> int:
    steps = (1, 2, _MANY // 4, _MANY)
    return sum(number >= each for each in steps)


def _machines(frame: Frame, found: Sequence[expiries.Expiry]) -> list[Ending]:
    known = {(fleet.kind, each.name): fleet for fleet in FLEETS for each in fleet.every(frame)}
    made = []
    for each in found:
        fleet = known.get((each.kind, each.subject))  # type: ignore[arg-type]
        path = None if fleet is None else f"{fleet.path}/{each.subject}"
        made.append(Ending(each.kind, each.subject, each.not_after, path))
    return made


def _own(frame: Frame, last: datetime) -> list[Ending]:
    """Return the ends of the authority's own: its CAs, and their revocation lists."""
    authorities = rotations.show(frame.context, frame.me).authorities
    lists = crls.every(frame.context).crls
    made = [Ending("CA", each.id, each.ends, "/admin/ca") for each in authorities]
    made += [Ending("revocation list", each.name, each.next_update, "/admin/ca") for each in lists]
    return [each for each in made if each.at < last]
