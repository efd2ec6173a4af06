"""Dividing notices that are due into deliveries, one for each channel and person."""

import logging
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from pgward.ca.notices import queueing
from pgward.ca.notices.channel import Channel
from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.store.database import Store
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import users
from pgward.ca.store.schema_access import access_decisions
from pgward.ca.store.schema_notices import notice_deliveries, notices, used_notice_links
from pgward.ca.store.transaction import Transaction
from pgward.core.errors import InvalidInputError

BATCH: Final = 50
KEPT: Final = timedelta(days=30)
"""Notices are for looking up for so long what was told; the audit log has what happened."""
_PURGED: Final = 500
_log = logging.getLogger(__name__)


def divide(store: Store, channels: Sequence[Channel], now: datetime, *, write: Write) -> int:
    """Divide up to ``BATCH`` notices; return how many. The writer's lock is taken only for some."""
    due = sa.and_(notices.c.taken_at.is_(None), notices.c.due_at <= now)
    with store.read() as connection:
        if connection.execute(sa.select(notices.c.id).where(due).limit(1)).first() is None:
            return 0
    with write() as transaction:
        chosen = sa.select(notices).where(due).order_by(notices.c.due_at, notices.c.id)
        found = transaction.execute(chosen.limit(BATCH)).all()
        for row in found:
            _divide(transaction, row, channels, now)
        taken = sa.update(notices).where(notices.c.id.in_([row.id for row in found]))
        transaction.execute(taken.values(taken_at=now))
    return len(found)


def forget(store: Store, now: datetime, *, write: Write) -> int:
    """Remove what was told long ago, and links that expired; return how many."""
    old = sa.and_(notices.c.taken_at.is_not(None), notices.c.created_at < now - KEPT)
    links = used_notice_links.c
    with store.read() as connection:
        some = [
            sa.select(notices.c.id).where(old).limit(1),
            sa.select(links.id).where(links.expires_at < now).limit(1),
        ]
        if all(connection.execute(each).first() is None for each in some):
            return 0
    with write() as transaction:
        chosen = sa.select(notices.c.id).where(old).limit(_PURGED)
        gone = transaction.execute(sa.delete(notices).where(notices.c.id.in_(chosen))).rowcount
        expired = sa.delete(used_notice_links).where(links.expires_at < now)
        return gone + transaction.execute(expired).rowcount


def _divide(
    transaction: Transaction, row: sa.Row[Any], channels: Sequence[Channel], now: datetime
) -> None:
    try:
        kind, facts = Kind(row.kind), Facts.read(row.facts)
    except (ValueError, InvalidInputError):  # of a newer pgward, which served here before
        _log.warning("a notice of kind %s cannot be read, and is not sent", row.kind)
        return
    if _is_stale(kind, facts, now):
        return
    again = queueing.reminders(kind, row.request_id, row.recipients, facts, now=now)
    if again and row.due_at > row.created_at:  # a reminder sets the next; the first is set already
        transaction.execute(sa.insert(notices), [{**each, "created_at": now} for each in again])
    rows = [
        each
        for one in channels
        if one.takes(kind)
        for each in _deliveries(transaction, row, one, now)
    ]
    if rows:
        transaction.execute(sa.insert(notice_deliveries), rows)


def _is_stale(kind: Kind, facts: Facts, now: datetime) -> bool:
    """Tell whether it says what is no longer so: we were away when it was due."""
    ends = {
        Kind.ENDS_SOON: facts.until,
        Kind.REMINDER: facts.lapses_at,
        Kind.INVITED: facts.until,
    }
    end = ends.get(kind)
    return end is not None and now >= end


def _deliveries(
    transaction: Transaction, row: sa.Row[Any], channel: Channel, now: datetime
) -> Iterable[dict[str, Any]]:
    if not channel.is_personal:
        yield _delivery(row.id, channel.name, "", now)
        return
    person = users.c
    told = sa.select(person.name, person.email).where(
        person.name.in_(row.recipients), person.blocked_at.is_(None)
    )
    if row.kind == Kind.REMINDER:  # of several who must say yes, some have
        said = access_decisions.c
        decided = sa.select(said.decided_by).where(said.request_id == row.request_id)
        told = told.where(person.name.not_in(decided))
    for each in transaction.execute(told.order_by(person.name)):
        yield _delivery(row.id, channel.name, each.name, now, without=not each.email)


def _delivery(
    notice_id: str, channel: str, recipient: str, now: datetime, *, without: bool = False
) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(16),
        "notice_id": notice_id,
        "channel": channel,
        "recipient": recipient,
        "state": queueing.DEAD if without else queueing.WAITING,
        "attempts": 0,
        "next_at": now,
        "ended_at": now if without else None,
        "problem": "no e-mail address is known" if without else None,
    }
