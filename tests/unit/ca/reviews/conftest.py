"""A world whose rights are looked at, and what was used of it."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.reviews import last_uses
from pgward.ca.store.schema_archive import database_sessions


@pytest.fixture
def used(access):
    """Put a database session on record."""

    def used(user, service="shop", **other):
        row = {
            "edge": "e1",
            "id": f"{user}-{service}",
            "user_name": user,
            "service": service,
            "started_at": access.clock.now(),
            "received_at": access.clock.now(),
            **dict.fromkeys(("statements", "errors", "denied", "row_count"), 0),
        }
        with access.store.write() as transaction:
            transaction.execute(sa.insert(database_sessions).values(row | other))

    return used


@pytest.fixture
def came(access):
    """Have an edge, or a PostgreSQL host, tell that somebody came in."""

    def came(user, target, kind=Kind.EDGE, *, outcome="ok", when=None, **details):
        event = AuditEvent.make(
            time=when or access.clock.now(),
            actor=user,
            action="session.open",
            outcome=outcome,
            target=target,
            details=details,
        )
        name = "e1" if kind is Kind.EDGE else "db1"
        with access.store.write() as transaction:
            return last_uses.note(transaction, machine(kind, name), [event], access.clock.now())

    return came


def machine(kind, name):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return Machine(kind, name, (), (), None, start, None, None)


@pytest.fixture
def aware(access):
    """Make the service one in mode postgres, which lets engineers and Ann in."""
    access.put(
        "Service",
        "shop",
        {
            "mode": "postgres",
            "upstream": {"host": "db1.internal"},
            "allow": {"users": ["Ann"], "groups": ["engineers"]},
            "labels": {"env": "prod"},
            "integration": "shop-db",
            "postgres": {"user": {"force": "app"}, "auth": {"certificate": {}}},
        },
    )
    return access
