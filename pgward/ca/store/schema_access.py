"""The tables of just-in-time access: who asked for what, what people decided, who has what."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, counters, metadata
from pgward.ca.store.transaction import SNAPSHOT

_ID = sa.String(32)
_NAME = sa.String(63)
_WORD = sa.String(16)
_TEXT = sa.String(500)

# What somebody asked for. Neither people nor resources are referred to: they go, this stays.
# ``asked`` has bundles, roles and objects as connectors read them; ``extends`` is the grant that
# shall last longer. ``version`` grows with each change, so that nobody decides about what was.
access_requests = sa.Table(
    "access_requests",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("user_name", _NAME, nullable=False),
    sa.Column("service", _NAME, nullable=False),
    sa.Column("flow", _NAME, nullable=False),
    sa.Column("flow_version", sa.Integer, nullable=False),
    sa.Column("integration", _NAME),
    sa.Column("extends", _ID),
    sa.Column("state", _WORD, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("asked", Json, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=False),
    sa.Column("reason", _TEXT, nullable=False),
    sa.Column("break_glass", sa.Boolean, nullable=False),
    sa.Column("rule", _NAME),  # the automatic rule that approved it
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("lapses_at", UtcTime, nullable=False),
    sa.Column("remind_at", UtcTime),
    sa.Column("decided_at", UtcTime),
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("acknowledged_by", _NAME),
    sa.Index("ix_access_requests_created_at", "created_at", "id"),
    sa.Index("ix_access_requests_user_name", "user_name", "created_at", "id"),
    sa.Index("ix_access_requests_state", "state", "created_at", "id"),
    sa.Index("ix_access_requests_service", "service", "created_at", "id"),
    sa.Index("ix_access_requests_lapses_at", "state", "lapses_at"),
    sa.Index("ix_access_requests_flow", "flow", "created_at", "id"),
    sa.Index("ix_access_requests_flow_state", "flow", "state", "created_at", "id"),
    sa.Index("ix_access_requests_extends", "extends"),
)

# One line for each person who decided about a request; ``number`` is their order.
access_decisions = sa.Table(
    "access_decisions",
    metadata,
    sa.Column("request_id", _ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("decided_by", _NAME, nullable=False),
    sa.Column("decision", _WORD, nullable=False),  # approve, deny
    sa.Column("reason", _TEXT, nullable=False),
    sa.Column("decided_at", UtcTime, nullable=False),
    sa.UniqueConstraint("request_id", "decided_by", name="uq_access_decisions_decided_by"),
)

# In the one transaction that writes: so what has at least a version changed since it was read.
_REVISION = sa.select(counters.c.value).where(counters.c.name == SNAPSHOT).scalar_subquery()

# What a connector last told of its server.
access_reports = sa.Table(
    "access_reports",
    metadata,
    sa.Column("integration", _NAME, primary_key=True),
    sa.Column("connector", sa.String(128), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("health", Json, nullable=False),
    sa.Column("told_at", UtcTime, nullable=False),
)

# What a request would have run on its server: asked of the connector under a number of its own,
# and answered once. ``answer`` is null until then.
access_plans = sa.Table(
    "access_plans",
    metadata,
    sa.Column("request_id", _ID, primary_key=True),
    sa.Column("integration", _NAME, nullable=False),
    sa.Column("number", _WORD, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("answered_at", UtcTime),
    sa.Column("answer", Json),
    sa.Index("ix_access_plans_integration", "integration", "asked_at"),
    sa.Index("ix_access_plans_asked_at", "asked_at"),
)

# Whether a connector can work its server: asked under a number, and answered once.
integration_checks = sa.Table(
    "integration_checks",
    metadata,
    sa.Column("integration", _NAME, primary_key=True),
    sa.Column("number", _WORD, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("asked_by", sa.String(128), nullable=False),
    sa.Column("answered_at", UtcTime),
    sa.Column("findings", Json),
    sa.Index("ix_integration_checks_asked_at", "asked_at"),
)

# What became of a request that was approved; the id is the request's. ``rights`` are as in
# ``asked``; ``names`` are those of the bundles and roles, for conditions to look at.
access_grants = sa.Table(
    "access_grants",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("user_name", _NAME, nullable=False),
    sa.Column("service", _NAME, nullable=False),
    sa.Column("flow", _NAME, nullable=False),
    sa.Column("integration", _NAME),
    sa.Column("role", _NAME),  # the access role; a grant without integration has none
    sa.Column("rights", Json, nullable=False),
    sa.Column("names", Json, nullable=False),
    sa.Column("state", _WORD, nullable=False),  # pending, active, ending, ended
    sa.Column("granted_at", UtcTime, nullable=False),
    sa.Column("ends_at", UtcTime, nullable=False),
    sa.Column("activated_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("end_reason", _WORD),  # expired, revoked, cancelled, blocked, removed, failed
    sa.Column("ended_by", sa.String(128)),
    sa.Column("problem", _TEXT),  # what the connector last said went wrong
    sa.Column("sessions_ended", sa.Integer),
    sa.Column("told_at", UtcTime),  # that it ends soon
    sa.Column("break_glass", sa.Boolean, nullable=False),
    # The version of the store that each change was made to; it sets itself.
    sa.Column("revision", sa.BigInteger, nullable=False, default=_REVISION, onupdate=_REVISION),
    sa.Index("ix_access_grants_user_name", "user_name", "state", "ends_at", "id"),
    sa.Index("ix_access_grants_service", "service", "state", "ends_at", "id"),
    sa.Index("ix_access_grants_integration", "integration", "state", "ends_at"),
    sa.Index("ix_access_grants_flow", "flow", "state", "ends_at", "id"),
    sa.Index("ix_access_grants_revision", "revision", "service"),
    sa.Index("ix_access_grants_state", "state", "ends_at", "id"),
)
