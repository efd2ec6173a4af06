"""A world whose rights are looked at, and what was used of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca.access import deciders
from pgward.ca.identity import directory
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.reviews import campaigns, deciding, last_uses, starting
from pgward.ca.reviews.campaigns import Review
from pgward.ca.reviews.deciding import Deciding, Reviewer
from pgward.ca.reviews.starting import Filters
from pgward.ca.store.schema_archive import database_sessions
from tests.fixtures.access_world import AccessWorld


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


@pytest.fixture
def campaign(access):
    """Begin a review, and decide about its rights, each in a transaction of its own."""
    return Campaign(access)


@dataclass
class Campaign:
    """What tests do with the review ``q4``."""

    access: AccessWorld
    name: str = "q4"

    def start(self, name="q4", days=14, **filters):
        self.name = name
        now = self.access.clock.now()
        asked = Filters(**filters)
        with self.access.store.read() as connection:
            items = starting.collect(connection, name, asked, now)
        review = Review(name, asked.to_json(), "open", now, "adam", now + timedelta(days=days))
        with self.access.store.write() as transaction:
            campaigns.add(transaction, review, items)
        return items

    def decide(self, by, verb, number, note=""):
        with self.access.store.write() as transaction:
            user = directory.get(transaction.connection, by)
            who = Reviewer(deciders.as_person(user), user.administrator)
            review = campaigns.get(transaction.connection, self.name)
            one = Deciding(transaction, review, who, self.access.clock.now())
            return getattr(one, verb)(number, note)

    def close(self):
        with self.access.store.write() as transaction:
            review = campaigns.get(transaction.connection, self.name)
            now = self.access.clock.now()
            return deciding.close(transaction, review, by="adam", now=now)

    def items(self):
        with self.access.store.read() as connection:
            return list(campaigns.items(connection, self.name))

    def number(self, **wanted):
        """Return the number of the one right with these fields."""
        (found,) = [
            each.number
            for each in self.items()
            if all(getattr(each, name) == value for name, value in wanted.items())
        ]
        return found

    def spec(self, kind, name):
        with self.access.store.read() as connection:
            return resources.get(connection, kind, name).spec
