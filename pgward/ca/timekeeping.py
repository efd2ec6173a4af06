"""Whether the clock went back: the audit log remembers the time of what the authority did last.

Which of the two times was wrong nobody here can tell. So it shows, goes on record, and then
counts as put right; elsewhere, at a replica whose clock is right, it does not come to that.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.store import Store
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import audit_events
from pgward.ca.store.transaction import OWN_SOURCE
from pgward.core.clock import rfc3339
from pgward.core.errors import UnavailableError

TOLERANCE = timedelta(minutes=1)  # replicas' clocks may differ by less
_LOOKED_AT = 50


def check(store: Store, now: datetime) -> None:
    """Raise UnavailableError when ``now`` is before the authority's last act, here or elsewhere."""
    last = last_act(store)
    if last is not None and last > now + TOLERANCE:
        raise UnavailableError(
            f"the clock says {rfc3339(now)}, and the authority's last act was at {rfc3339(last)}",
            hint="set the clock of the CA's machine, and that of its replicas",
        )


def note(store: Store, now: datetime, *, write: Write | None = None) -> bool:
    """Put a clock that went back on record; from then on it counts as right."""
    last = last_act(store)
    if last is None or last <= now + TOLERANCE:
        return False
    event = AuditEvent.make(
        time=now,
        actor=caller.SYSTEM,
        action="clock.back",
        outcome="ok",
        details={"before": rfc3339(last), "now": rfc3339(now)},
    )
    with (write or store.write)() as transaction:
        transaction.record(event)
    return True


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
