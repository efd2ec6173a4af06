"""What was told to whom, and sending again what was given up."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.notices.queueing import DEAD, WAITING
from pgward.ca.store.schema_notices import notice_deliveries, notices
from pgward.ca.store.transaction import Transaction

MOST: Final = 1000
UNSENT: Final = (WAITING, DEAD)


def deliveries(
    connection: Connection, states: Collection[str] = (), *, most: int = MOST
) -> list[dict[str, Any]]:
    """Return deliveries in these states (all with none), the newest first."""
    one, notice = notice_deliveries.c, notices.c
    chosen = (
        sa.select(
            *(notice.due_at.label("time"), notice.kind, notice.request_id.label("request")),
            *(one.channel, one.recipient, one.state, one.attempts, one.next_at, one.problem),
            one.id,
        )
        .join(notices, notice.id == one.notice_id)
        .order_by(notice.due_at.desc(), one.channel, one.recipient)
        .limit(most)
    )
    if states:
        chosen = chosen.where(one.state.in_(states))
    return [dict(each) for each in connection.execute(chosen).mappings()]


def retry(transaction: Transaction, now: datetime) -> int:
    """Have the given-up sent again, for another day; return how many."""
    one = notice_deliveries.c
    dead = sa.update(notice_deliveries).where(one.state == DEAD)
    again = dead.values(state=WAITING, attempts=0, next_at=now, ended_at=None)
    return transaction.execute(again).rowcount
