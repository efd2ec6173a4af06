from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.access import live
from pgward.ca.access.live import LiveGrant
from pgward.ca.store.schema_access import access_grants


@pytest.fixture
def grant(store, clock):
    def make(number, **values):
        now = clock.now()
        row = {
            "id": f"g{number}",
            "user_name": "ann",
            "service": "shop",
            "flow": "oncall",
            "integration": "shop-db",
            "role": "ann",
            "rights": {},
            "names": ["reading"],
            "state": "active",
            "granted_at": now,
            "ends_at": now + timedelta(hours=1),
            "break_glass": False,
        }
        with store.write() as transaction:
            transaction.execute(sa.insert(access_grants).values(row | values))

    return make


def test_only_what_is_active_and_not_over_is_live(store, clock, grant):
    grant(1)
    for number, values in enumerate(
        [
            {"state": "pending"},
            {"state": "ending"},
            {"state": "ended"},
            {"ends_at": clock.now()},
        ],
        2,
    ):
        grant(number, **values)
    with store.read() as connection:
        found = list(live.every(connection, clock.now()))
    until = clock.now() + timedelta(hours=1)
    assert found == [LiveGrant("g1", "ann", "shop", "shop-db", "ann", until, ("reading",))]


def test_they_come_by_service_and_person(store, clock, grant):
    grant(1, user_name="bob", service="shop")
    grant(2, user_name="ann", service="wiki", integration=None, role=None)
    grant(3, user_name="ann", service="shop")
    with store.read() as connection:
        found = [each.id for each in live.every(connection, clock.now())]
        anns = [each.id for each in live.of_person(connection, "ann", clock.now())]
        there = [each.id for each in live.of_integrations(connection, ["shop-db"], clock.now())]
    assert (found, anns, there) == (["g3", "g1", "g2"], ["g3", "g2"], ["g3", "g1"])
