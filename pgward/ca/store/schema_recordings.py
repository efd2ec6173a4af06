"""The tables of recordings, and of database sessions that somebody ended."""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

_EDGE = sa.String(63)
_SESSION = sa.String(256)
_HASH = sa.String(64)
_RECIPIENT = sa.String(80)

# For whom edges encrypt recordings (an age recipient); the newest is in use. ``sealed`` is the
# identity that decrypts, sealed by `keys/seal.key`.
recording_keys = sa.Table(
    "recording_keys",
    metadata,
    sa.Column("recipient", _RECIPIENT, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

# One piece of a session's recording, and where it is in its object.
recording_pieces = sa.Table(
    "recording_pieces",
    metadata,
    sa.Column("edge", _EDGE, primary_key=True),
    sa.Column("session", _SESSION, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("before", _HASH, nullable=False),
    sa.Column("sha256", _HASH, nullable=False),
    sa.Column("recipient", _RECIPIENT, nullable=False),
    sa.Column("object_key", sa.String(300), nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("plain_bytes", sa.BigInteger, nullable=False),
    sa.Column("first_time", UtcTime, nullable=False),
    sa.Column("last_time", UtcTime, nullable=False),
    sa.Column("is_last", sa.Boolean, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Index("ix_recording_pieces_received_at", "received_at"),
    sa.Index("ix_recording_pieces_object_key", "object_key"),
)

# Sessions that somebody wants to end: their edges hear of it with the snapshot.
session_endings = sa.Table(
    "session_endings",
    metadata,
    sa.Column("edge", _EDGE, primary_key=True),
    sa.Column("session", _SESSION, primary_key=True),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("forced", sa.Boolean, nullable=False),
    sa.Column("asked_by", sa.String(128), nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Index("ix_session_endings_asked_at", "asked_at"),
)
