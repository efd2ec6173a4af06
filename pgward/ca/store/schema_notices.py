"""The tables of notices: what is to be told, each telling of it, and links that were used."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

_ID = sa.String(32)
_REQUEST = sa.String(64)
_NAME = sa.String(63)
_NOTICE = sa.ForeignKey("notices.id", ondelete="CASCADE")

UNTAKEN = "taken_at IS NULL"
WAITING = "state = 'waiting'"

# Something that happened to an access request, written with it; ``taken_at`` is when it was divided
# into deliveries. With a ``due_at`` ahead it is a reminder, and goes when it has no use any more.
notices = sa.Table(
    "notices",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request_id", _REQUEST, nullable=False),
    sa.Column("recipients", Json, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("taken_at", UtcTime),
    sa.Index("ix_notices_request_id", "request_id"),
    sa.Index("ix_notices_created_at", "created_at"),
    sa.Index(
        "ix_notices_untaken",
        "due_at",
        sqlite_where=sa.text(UNTAKEN),
        postgresql_where=sa.text(UNTAKEN),
    ),
)

# One notice on one channel to one person, or to a channel that many read (recipient ""). ``state``
# is waiting, sent, dead (given up) or dropped (it had no use any more).
notice_deliveries = sa.Table(
    "notice_deliveries",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("notice_id", _ID, _NOTICE, nullable=False, index=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("recipient", _NAME, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("problem", sa.String(300)),
    sa.Index(
        "ix_notice_deliveries_waiting",
        "channel",
        "next_at",
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    ),
)

# Links that somebody decided with: none works twice.
used_notice_links = sa.Table(
    "used_notice_links",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("used_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
