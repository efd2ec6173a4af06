"""Accounts that come to their end: sessions and certificates go at that moment."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.acts import Acts
from pgward.ca.records import PEOPLES
from pgward.ca.revoking.revocation import CrlPublisher, Reason, Revoker
from pgward.ca.store import Store
from pgward.ca.store.certificates import ISSUED
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import certificates, login_sessions, users
from pgward.core.clock import Clock

# No login certificate lives longer, so what ended before has nothing left.
_LOOKED_BACK = timedelta(days=2)


def due(connection: Connection, now: datetime) -> list[str]:
    """Return whose account has ended, and who has a session or a certificate still."""
    columns = users.c
    session = sa.exists().where(
        login_sessions.c.user_name == columns.name, login_sessions.c.ended_at.is_(None)
    )
    certificate = sa.exists().where(
        certificates.c.kind.in_(PEOPLES),
        certificates.c.subject == columns.name,
        certificates.c.state == ISSUED,
        certificates.c.not_after >= now,
    )
    statement = sa.select(columns.name).where(
        columns.valid_until <= now,
        columns.valid_until > now - _LOOKED_BACK,
        sa.or_(session, certificate),
    )
    return list(connection.execute(statement.order_by(columns.name)).scalars())


def end_due(store: Store, publisher: CrlPublisher, clock: Clock, *, write: Write) -> list[str]:
    """Cut off whose account has ended; return them. Edges hear of it with the next snapshot."""
    with store.read() as connection:
        names = due(connection, clock.now())
    for name in names:
        _end(store, publisher, clock, write, name)
    return names


def _end(store: Store, publisher: CrlPublisher, clock: Clock, write: Write, name: str) -> None:
    now = clock.now()
    with write(), Acts(store, clock).act(caller.SYSTEM, "user.expire", name) as act:
        if name not in due(act.transaction.connection, now):
            act.worth_recording = False  # its end was moved meanwhile
            return
        serials = Revoker(publisher).cut_off(
            act.transaction,
            name,
            "the account ended",
            now=now,
            reason=Reason.cessation_of_operation,
        )
        act.transaction.changed()
        act.details["revoked"] = len(serials)
