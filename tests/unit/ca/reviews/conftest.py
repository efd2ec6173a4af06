"""A world whose rights are looked at, and what was used of it."""

import pytest
import sqlalchemy as sa

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
