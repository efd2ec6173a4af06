"""When machines' certificates end: for each, its last one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.records import Kind
from pgward.ca.store.certificates import ISSUED
from pgward.ca.store.schema import certificates

_COLUMNS = certificates.c
_MACHINES = (Kind.EDGE.value, Kind.HOST.value, Kind.CONNECTOR.value)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of the last certificate that a machine or a server has, or had."""

    kind: str
    subject: str
    not_after: datetime


def of_machines(
    connection: Connection, since: datetime, until: datetime, *, limit: int
) -> Sequence[Ending]:
    """Return whose last certificate ends between these times, the first to end first.

    People's certificates last for an hour, and are replaced all day long: they are left out.
    """
    last = sa.func.max(_COLUMNS.not_after)
    statement = (
        sa.select(_COLUMNS.kind, _COLUMNS.subject, last)
        .where(_COLUMNS.kind.in_(_MACHINES), _COLUMNS.state == ISSUED, _COLUMNS.not_after >= since)
        .group_by(_COLUMNS.kind, _COLUMNS.subject)
        .having(last < until)
        .order_by(last, _COLUMNS.kind, _COLUMNS.subject)
        .limit(limit)
    )
    return [Ending(*row) for row in connection.execute(statement)]
