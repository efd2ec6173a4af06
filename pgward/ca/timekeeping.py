"""Whether the clock went back: the audit log remembers the time of what the authority did last.

Which of the two times was wrong nobody here can tell. So it shows, goes on record, and then
counts as put right; elsewhere, at a replica whose clock is right, it does not come to that.
"""

from datetime import datetime

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.store import Store
from pgward.ca.store.pulse import CLOCK_TOLERANCE
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import audit_events, login_sessions, machines
from pgward.ca.store.transaction import OWN_SOURCE
from pgward.core.clock import rfc3339
from pgward.core.errors import UnavailableError

TOLERANCE = CLOCK_TOLERANCE
BACK = "clock.back"
_LOOKED_AT = 50
_AT_ONCE = 100_000  # more than half a minute of issuing


def check(store: Store, now: datetime) -> None:
    """Raise UnavailableError when ``now`` is before the authority's last act, here or elsewhere.

    Where the database has a clock, it decides between replicas that differ: the one that differs
    from it alone is wrong, and one that agrees with it is right, whatever others did.
    """
    theirs = store.pulse.clock
    if theirs is not None and theirs.is_odd:
        raise UnavailableError(
            "this machine's clock differs from the database's, and another replica's does not",
            hint="set this machine's clock",
        )
    if theirs is not None and theirs.agrees:
        return
    last = last_act(store)
    if last is not None and last > now + TOLERANCE:
        raise UnavailableError(
            f"the clock says {rfc3339(now)}, and the authority's last act was at {rfc3339(last)}",
            hint="set the clock of the CA's machine, and that of its replicas",
        )


class Watch:
    """Puts on record that the clock went back, once; from then on it counts as right.

    It reads all acts since it looked last: the one after a leap may have been any request.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: int | None = None
        self._latest: datetime | None = None
        self._leap: tuple[datetime, datetime] | None = None

    def look(self, now: datetime, *, write: Write | None = None) -> bool:
        """Record the last leap, if there is one that is not on record; tell whether there was."""
        self._read(now)
        if self._leap is None:
            return False
        before, after = self._leap
        event = AuditEvent.make(
            time=now,
            actor=caller.SYSTEM,
            action=BACK,
            outcome="ok",
            details={"before": rfc3339(before), "now": rfc3339(after)},
        )
        with (write or self._store.write)() as transaction:
            transaction.record(event)
        self._leap, self._latest = None, now
        return True

    def _read(self, now: datetime) -> None:
        """Note the times before and after the last leap back, until it is on record."""
        for moment, action in [*self._acts(), (now, "")]:
            if action == BACK:  # what came before is on record
                self._leap, self._latest = None, moment
            elif self._latest is not None and moment < self._latest - TOLERANCE:
                self._leap, self._latest = (self._latest, moment), moment
            else:
                self._latest = max(moment, self._latest or moment)

    def _acts(self) -> list[tuple[datetime, str]]:
        """Return time and action of what the authority did since the last look."""
        columns = audit_events.c
        wanted = sa.select(columns.seq, columns.time, columns.action, columns.source)
        with self._store.read() as connection:
            if self._seen is None:
                last = connection.execute(sa.select(sa.func.max(columns.seq))).scalar()
                self._seen = (last or 0) - _LOOKED_AT
            newer = wanted.where(columns.seq > self._seen).order_by(columns.seq)
            rows = connection.execute(newer.limit(_AT_ONCE)).all()
        if rows:
            self._seen = rows[-1].seq
        return [(row.time, row.action) for row in rows if row.source == OWN_SOURCE]


def last_act(store: Store) -> datetime | None:
    """Return when the authority itself did something last; edges' events have their own clocks."""
    columns = audit_events.c
    last = sa.select(sa.func.max(columns.seq)).scalar_subquery()
    statement = (
        sa.select(columns.time)
        .where(columns.seq > last - _LOOKED_AT, columns.source == OWN_SOURCE)
        .order_by(columns.seq.desc())
        .limit(1)
    )
    with store.read() as connection:
        found: datetime | None = connection.execute(statement).scalar_one_or_none()
    return found


def confirmed(store: Store, now: datetime) -> datetime | None:
    """Return up to when somebody else's clock agreed with ours; None when nobody's ever did.

    What machines and people prove carries their time, and is refused by a clock that differs. A
    machine's is asked for about every minute, a person's at each login.
    """
    seen = sa.select(sa.func.max(machines.c.last_seen_at))
    logged_in = sa.select(sa.func.max(login_sessions.c.created_at))
    with store.read() as connection:
        found = [connection.execute(each).scalar() for each in (seen, logged_in)]
    times = [each for each in found if each is not None]
    return min(now, max(times)) if times else None
