from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.access import healths
from pgward.ca.access.healths import Health
from pgward.ca.store.schema import machines
from pgward.ca.store.schema_access import access_reports
from tests.fixtures.access_world import INTEGRATION
from tests.fixtures.authority import START


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"state": "ok", "problem": None, "server_version": 160014}, ("ok", None, 160014)),
        ({"state": "x" * 30, "problem": "p" * 2000}, ("x" * 20, "p" * 1000, None)),
        ({"state": {}, "problem": 5, "server_version": True}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_what_a_connector_says_of_itself_is_read_with_care(store, told, read):
    row = {"connector": "connector:c1", "version": 1, "health": told, "told_at": START}
    with store.write() as transaction:
        for name in ("shop-db", "other"):
            transaction.execute(sa.insert(access_reports).values({**row, "integration": name}))
        found = healths.every(transaction.connection, ["shop-db", "none"])
    assert found == {"shop-db": Health("shop-db", "connector:c1", START, *read)}


@pytest.fixture
def told(access, clock):
    """Have a connector c1 that was heard so long ago, and told that; return what is said of it."""

    def told(state, ago=0, *, by="connector:c1", whole=False):
        now = clock.now()
        machine = {"kind": "connector", "name": "c1", "dns": [], "ips": [], "enrolled_at": now}
        seen = None if ago is None else now - timedelta(seconds=ago)
        row = {"integration": "shop-db", "connector": by, "version": 1, "told_at": now}
        health = {"state": state, "problem": "db1:5432 is away"}
        with access.store.write() as transaction:
            transaction.execute(sa.delete(access_reports))
            transaction.execute(sa.delete(machines))
            transaction.execute(sa.insert(machines).values(**machine, last_seen_at=seen))
            transaction.execute(sa.insert(access_reports).values(**row, health=health))
            return healths.trouble(transaction.connection, "shop-db", now, whole=whole)

    return told


def test_what_keeps_a_connector_from_its_server_is_said(told):
    assert told("ok") is None
    assert told(None) is None
    assert told("away") == "the connector cannot reach the server"
    assert told("away", whole=True) == "the connector cannot reach the server: db1:5432 is away"
    assert told("odd") == "the connector cannot work the server"
    assert told("away", by="connector:before") is None


def test_a_connector_that_is_not_heard_is_told_first(access, clock, told):
    assert told("away", 91, whole=True) == (
        "the connector c1 was heard last at 2026-11-21T11:58:29Z"
    )
    assert told("ok", None) == "the connector c1 has never asked for anything"
    with access.store.write() as transaction:
        transaction.execute(sa.delete(machines))
        for name, said in (
            ("shop-db", "there is no connector c1"),
            ("none", "there is no integration none"),
        ):
            assert healths.trouble(transaction.connection, name, clock.now()) == said


def test_an_edge_serves_as_well(access, clock):
    access.put("Integration", "shop-db", INTEGRATION, connector=None, edge="e1")
    with access.store.read() as connection:
        assert healths.trouble(connection, "shop-db", clock.now()) == "there is no edge e1"
