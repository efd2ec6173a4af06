"""Tells loudly, and in time, of a CRL that nears its end."""

import logging
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.revoking import crl_health
from pgward.ca.revoking.crl_health import CrlHealth, State
from pgward.ca.store import Store
from pgward.ca.store.schema import audit_events
from pgward.core.clock import Clock
from pgward.core.errors import PgwardError

ACTION = "crl.health"
_log = logging.getLogger(__name__)


class CrlAlarm:
    """Call ``look`` at each upkeep: a log line each time, an audit event when a state changes."""

    def __init__(self, authority: crl_health.Names, store: Store, clock: Clock) -> None:
        self._authority = authority
        self._store = store
        self._clock = clock
        self._last: Sequence[CrlHealth] = ()
        self._told: dict[str, State] = {}

    def look(self) -> Sequence[CrlHealth]:
        """Return how the CRLs are; while the store is away, how those last seen are."""
        now = self._clock.now()
        try:
            self._last = crl_health.report(self._authority, self._store, now)
        except PgwardError:  # the lists go on ageing
            self._last = [_again(each, now) for each in self._last]
        for each in self._last:
            _say(each)
        if any(self._told.get(each.ca) != each.state for each in self._last):
            self._record(now)
        return self._last

    def _record(self, now: datetime) -> None:
        """Put each state that is not the one on record into the audit log; replicas do it once."""
        with self._store.read() as connection:
            changes = _changes(connection, self._last)
        if changes:
            with self._store.write() as transaction:
                for each in _changes(transaction.connection, self._last):
                    transaction.record(_event(each, now))
        self._told = {each.ca: each.state for each in self._last}


def _changes(connection: Connection, found: Sequence[CrlHealth]) -> list[CrlHealth]:
    return [each for each in found if _on_record(connection, each.ca) != each.state]


def _on_record(connection: Connection, ca: str) -> str:
    columns = audit_events.c
    statement = (
        sa.select(columns.details)
        .where(columns.action == ACTION, columns.target == ca)
        .order_by(columns.seq.desc())
        .limit(1)
    )
    details = connection.execute(statement).scalar_one_or_none()
    return str(details["state"]) if details else State.OK


def _again(health: CrlHealth, now: datetime) -> CrlHealth:
    if health.number is None or health.this_update is None or health.next_update is None:
        return health
    seen = crl_health.Times(health.number, health.this_update, health.next_update)
    return crl_health.judge(health.ca, seen, now)


def _say(health: CrlHealth) -> None:
    if health.state is not State.OK:
        level = logging.CRITICAL if health.state is State.CRITICAL else logging.WARNING
        _log.log(
            level,
            "the revocation list of %s: %s; PostgreSQL refuses everyone without a current one",
            health.ca,
            health.message,
        )


def _event(health: CrlHealth, now: datetime) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=caller.SYSTEM,
        action=ACTION,
        target=health.ca,
        outcome="ok" if health.state is State.OK else "failed",
        reason=health.message,
        details={"state": health.state.value, "number": health.number},
    )
