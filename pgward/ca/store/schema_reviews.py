"""The tables of reviews of rights, and of when rights were last used."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

_NAME = sa.String(63)
_BY = sa.String(128)
_WORD = sa.String(16)
_TEXT = sa.String(500)

# A review of rights: which ones, until when, and how far it is.
reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("filters", Json, nullable=False),
    sa.Column("state", _WORD, nullable=False),  # open, closed
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("started_by", _BY, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("reminded_at", UtcTime),
    sa.Column("closed_at", UtcTime),
    sa.Column("closed_by", _BY),
    sa.Index("ix_reviews_state", "state", "due_at"),
)

# A right as it was when the review began, and what became of it. Neither people nor resources are
# referred to: they go, this stays. ``reference`` is a grant's id. ``obstacle`` says why pgward
# could not take away what somebody ended (state noted).
review_items = sa.Table(
    "review_items",
    metadata,
    sa.Column("review", _NAME, sa.ForeignKey("reviews.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", _WORD, nullable=False),
    sa.Column("user_name", sa.String(128)),
    sa.Column("group_name", _NAME),
    sa.Column("members", sa.Integer),
    sa.Column("service", _NAME),
    sa.Column("integration", _NAME),
    sa.Column("hosts", Json, nullable=False),
    sa.Column("role", sa.String(252)),
    sa.Column("resource_kind", _NAME, nullable=False),
    sa.Column("resource_name", _NAME, nullable=False),
    sa.Column("reference", sa.String(32)),
    sa.Column("since", UtcTime),
    sa.Column("until", UtcTime),
    sa.Column("last_used", UtcTime),
    sa.Column("unused", sa.Boolean),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("flagged", sa.String(200)),
    sa.Column("state", _WORD, nullable=False),  # open, confirmed, ended, noted, gone
    sa.Column("decided_at", UtcTime),
    sa.Column("decided_by", _BY),
    sa.Column("note", _TEXT, nullable=False),
    sa.Column("obstacle", _TEXT),
    sa.Index("ix_review_items_state", "review", "state", "number"),
)

# When a person last came in: to a service through an edge, or to a PostgreSQL host, as edges and
# hosts tell. It goes with the person, so that a name's next owner has used nothing.
last_uses = sa.Table(
    "last_uses",
    metadata,
    sa.Column("kind", _WORD, primary_key=True),  # service, host
    sa.Column("place", _NAME, primary_key=True),
    sa.Column(
        "user_name",
        _NAME,
        sa.ForeignKey("users.name", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("used_at", UtcTime, nullable=False),
    sa.Index("ix_last_uses_user_name", "user_name"),
)
