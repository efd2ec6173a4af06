"""Putting notices into the outbox, and taking them back, inside the transaction of what happens."""

import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pgward.ca.notices.notice import WITHDRAWS, Facts, Kind, end_notice, reminder
from pgward.ca.store.schema_notices import notice_deliveries, notices
from pgward.ca.store.transaction import Transaction

WAITING, SENT, DEAD, DROPPED = "waiting", "sent", "dead", "dropped"
MOST_RECIPIENTS = 500
"""Of one notice: a group of approvers that is larger is told in part."""

_ADD = sa.insert(notices)
_LATER = sa.delete(notices).where(
    notices.c.request_id == sa.bindparam("of_request"),
    notices.c.taken_at.is_(None),
    notices.c.kind.in_(sa.bindparam("kinds", expanding=True)),
)
_UNSENT = (
    sa.update(notice_deliveries)
    .where(
        notice_deliveries.c.state == WAITING,
        notice_deliveries.c.notice_id.in_(
            sa.select(notices.c.id).where(
                notices.c.request_id == sa.bindparam("of_request"),
                notices.c.kind.in_(sa.bindparam("kinds", expanding=True)),
            )
        ),
    )
    .values(state=DROPPED, ended_at=sa.bindparam("now"))
)


def queue(
    transaction: Transaction,
    kind: Kind,
    request_id: str,
    recipients: Iterable[str],
    facts: Facts,
    *,
    now: datetime,
) -> None:
    """Have people told, when this transaction commits, what happened to a request.

    ``recipients`` are names of people; with none, only channels that many read are told. Reminders
    are set and withdrawn by themselves (see ``notice``): call this once for each thing that
    happens. It costs an insert, and never waits for a channel.
    """
    withdraw(transaction, request_id, WITHDRAWS.get(kind, ()), now=now)
    told = sorted(set(recipients))[:MOST_RECIPIENTS]
    rows = [_row(kind, request_id, told, facts, now)]
    rows += reminders(kind, request_id, told, facts, now=now)
    ends = end_notice(kind, facts, now)
    if ends is not None:
        rows.append(_row(Kind.ENDS_SOON, request_id, [facts.person], facts, ends))
    transaction.execute(_ADD, [{**row, "created_at": now} for row in rows])


def reminders(
    kind: Kind, request_id: str, told: list[str], facts: Facts, *, now: datetime
) -> list[dict[str, Any]]:
    """Return the rows, without ``created_at``, of the reminder that a notice sets, if any."""
    later = reminder(kind, facts, now)
    return [] if later is None else [_row(later[0], request_id, told, facts, later[1])]


def withdraw(
    transaction: Transaction, request_id: str, kinds: Collection[Kind], *, now: datetime
) -> None:
    """Take back what has not been sent; ``queue`` does this for what follows from a kind."""
    if kinds:
        chosen = {"of_request": request_id, "kinds": [each.value for each in kinds]}
        transaction.execute(_LATER, chosen)
        transaction.execute(_UNSENT, {**chosen, "now": now})


def _row(
    kind: Kind, request_id: str, told: list[str], facts: Facts, due: datetime
) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(16),
        "kind": kind.value,
        "request_id": request_id,
        "recipients": told,
        "facts": facts.to_json(),
        "due_at": due,
    }
