"""Where in a recording something is: of its pieces alone, without reading them."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_recordings import recording_pieces

BARS = 120
_MOST_BACK = 1000
_COLUMNS = recording_pieces.c


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a recording: its events, and the number of the piece before it."""

    first_time: datetime
    last_time: datetime
    events: int
    after: int


def bars(connection: Connection, edge: str, session: str) -> list[Bar]:
    """Return a recording as up to ``BARS`` parts of as many pieces each."""
    mine = (_COLUMNS.edge == edge, _COLUMNS.session == session)
    last = connection.execute(sa.select(sa.func.max(_COLUMNS.number)).where(*mine)).scalar()
    if last is None:
        return []
    size = -(-last // BARS)
    part = (_COLUMNS.number - 1) // size
    wanted = (
        sa.select(
            sa.func.min(_COLUMNS.first_time).label("first_time"),
            sa.func.max(_COLUMNS.last_time).label("last_time"),
            sa.func.sum(_COLUMNS.events).label("events"),
            sa.func.min(_COLUMNS.number).label("number"),
        )
        .where(*mine)
        .group_by(part)
        .order_by(sa.func.min(_COLUMNS.number))
    )
    return [
        Bar(row.first_time, row.last_time, int(row.events), row.number - 1)
        for row in connection.execute(wanted)
    ]


def began(connection: Connection, edge: str, session: str) -> datetime | None:
    """Return the time of a recording's first event; None if there is none."""
    mine = (_COLUMNS.edge == edge, _COLUMNS.session == session)
    found: datetime | None = connection.execute(
        sa.select(sa.func.min(_COLUMNS.first_time)).where(*mine)
    ).scalar()
    return found


def at(connection: Connection, edge: str, session: str, moment: datetime) -> int:
    """Return the number before that of the piece in which a moment is; 0 for the first piece."""
    wanted = sa.select(sa.func.max(_COLUMNS.number)).where(
        _COLUMNS.edge == edge, _COLUMNS.session == session, _COLUMNS.first_time <= moment
    )
    return max(0, (connection.execute(wanted).scalar() or 1) - 1)


def before(connection: Connection, edge: str, session: str, after: int, goal: int) -> int:
    """Return behind which piece a page begins that goes to ``after``, within so many bytes."""
    wanted = (
        sa.select(_COLUMNS.number, _COLUMNS.plain_bytes)
        .where(_COLUMNS.edge == edge, _COLUMNS.session == session, _COLUMNS.number <= after)
        .order_by(_COLUMNS.number.desc())
        .limit(_MOST_BACK)
    )
    found, size = after, 0
    for number, plain_bytes in connection.execute(wanted):
        size += plain_bytes
        if found < after and size > goal:
            break
        found = number - 1
    return int(found)
