"""How long each CA's CRL still lasts.

PostgreSQL refuses everyone when a CRL of the chain has ended, or is from the future: this says
so well before. An issuing CA's list is renewed every hour and lasts a week, so one that is a day
old tells that something keeps the authority from renewing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

import sqlalchemy as sa

from pgward.ca.records import PublishedCrl
from pgward.ca.revoking import crl_maker
from pgward.ca.store import Store
from pgward.ca.store.schema import crls
from pgward.core.clock import rfc3339
from pgward.pki.crl import nears_its_end

# Of the time that a list is made for, how much is left when it is critical; at most so long.
_CRITICAL, _LONGEST_CRITICAL = 0.15, timedelta(days=7)
_OVERDUE = timedelta(days=1)
_LOCKS_OUT_WITHIN = timedelta(hours=1)
_SHORT = 2 * crl_maker.LIFETIME  # what lasts longer is not renewed by itself


class State(StrEnum):
    """How urgent it is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return 0 for ok, 1 for a warning, 2 for critical."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class CrlHealth:
    """One CA's newest CRL; the times are None when it has none."""

    ca: str
    state: State
    message: str
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    age: timedelta | None = None


class Names(Protocol):
    """What knows the CAs: the authority."""

    @property
    def crl_names(self) -> tuple[str, ...]:
        """The CAs that each need a current CRL."""
        ...


@dataclass(frozen=True, slots=True)
class Times:
    """What a CRL says of itself."""

    number: int
    this_update: datetime
    next_update: datetime

    @classmethod
    def of(cls, crl: PublishedCrl) -> Self:
        """Take them from a CRL."""
        return cls(crl.number, crl.this_update, crl.next_update)


def locks_out(health: CrlHealth, now: datetime) -> bool:
    """Tell whether people are refused for this list, or will be within the hour.

    Later than the alarm, as those who can still get in should not be sent away; never without it.
    """
    begins, ends = health.this_update, health.next_update
    if health.state is not State.CRITICAL or begins is None or ends is None:
        return health.state is State.CRITICAL
    return not begins <= now < ends - _LOCKS_OUT_WITHIN


def report(authority: Names, store: Store, now: datetime) -> list[CrlHealth]:
    """Return the health of each CA's newest CRL; raise UnavailableError. Reads no CRL itself."""
    found = _newest(store)
    return [judge(name, found.get(name), now) for name in authority.crl_names]


def judge(ca: str, crl: Times | None, now: datetime) -> CrlHealth:
    """Say how urgent it is for one CRL (anything with its number and times)."""
    if crl is None:
        return CrlHealth(ca, State.CRITICAL, "there is none")
    state, message = _judge(crl, now)
    times = (crl.number, crl.this_update, crl.next_update, now - crl.this_update)
    return CrlHealth(ca, state, message, *times)


def _judge(crl: Times, now: datetime) -> tuple[State, str]:
    made_for, left = crl.next_update - crl.this_update, crl.next_update - now
    end = rfc3339(crl.next_update)
    if left <= timedelta():
        return State.CRITICAL, f"it ended at {end}"
    if now < crl.this_update:
        return State.CRITICAL, f"it begins only at {rfc3339(crl.this_update)}"
    if left <= min(made_for * _CRITICAL, _LONGEST_CRITICAL):
        return State.CRITICAL, f"it ends at {end}"
    if nears_its_end(crl.this_update, crl.next_update, now):
        return State.WARNING, f"it ends at {end}"
    if made_for <= _SHORT and now - crl.this_update > _OVERDUE:
        return State.WARNING, f"it was not renewed since {rfc3339(crl.this_update)}"
    return State.OK, f"it lasts until {end}"


def _newest(store: Store) -> Mapping[str, Times]:
    columns = crls.c
    statement = sa.select(columns.ca, columns.number, columns.this_update, columns.next_update)
    with store.read() as connection:
        rows = connection.execute(statement.order_by(columns.number)).all()
    return {row.ca: Times(row.number, row.this_update, row.next_update) for row in rows}
