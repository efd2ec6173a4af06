"""A server's catalog, from PostgreSQL through the API into stores of both kinds, and searched."""

import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pgward.access.catalog import Given, Thing, pieces
from pgward.access.tags import TagRule
from pgward.ca import store as stores
from pgward.ca.catalog import searching
from pgward.ca.catalog.searching import GrantFilter, ObjectFilter, Tagging
from pgward.connector.cataloguing import deliver
from pgward.connector.discovering import Catalog, Part, Scope, discover
from tests.fixtures.calling import Calling
from tests.fixtures.catalogs import SERVER, SHOP
from tests.fixtures.catalogs import deliver as deliver_here
from tests.fixtures.integrations import declare

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_what_a_server_holds_is_found_at_the_ca(admin, edge, pg):
    declare(admin, objectTags=[{"database": "shop", "schema": "s1", "tags": {"owner": "one"}}])
    pg.psql("create role reader")
    pg.psql("create database shop")
    pg.psql(
        "create schema s1; create table s1.cards (id int); grant select on s1.cards to reader;"
        " create view s1.seen as select 1 as one",
        database="shop",
    )

    class Server:
        def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
            return psycopg.connect(
                host=str(pg.socket_dir),
                port=pg.port,
                user="postgres",
                dbname=database or "postgres",
                autocommit=True,
            )

    def look() -> int:
        catalog = discover(Server(), Scope(("shop",)), now=lambda: NOW)
        return deliver(Calling(edge), "shop-db", catalog)

    assert look() == 2
    assert look() == 0
    found = admin.call("GET", "/v1/catalog/shop-db/objects", query="?tag=owner=one").json()
    assert [f"{each['schema']}.{each['name']}" for each in found["objects"]] == [
        "s1.",
        "s1.cards",
        "s1.seen",
    ]
    grants = admin.call("GET", "/v1/catalog/shop-db/grants", query="?to=reader&direct=true")
    assert [each["privileges"] for each in grants.json()["grants"]] == [["SELECT"]]


def test_a_store_in_postgresql_finds_the_same(database_url, store):
    tagging = Tagging({}, (TagRule("sh*", "b*g", "*_100%", {"x": "y"}),))
    wanted = [
        ObjectFilter(),
        ObjectFilter(search="_1"),
        ObjectFilter(search="CREDIT"),
        ObjectFilter(tags={"x": "y"}),
    ]
    made = stores.create(database_url)
    try:
        told = []
        for each in (store, made):
            deliver_here(each, {"": SERVER, "shop": SHOP})
            with each.read() as connection:
                found = [
                    searching.objects(connection, "shop-db", one, tagging, limit=100)
                    for one in wanted
                ]
                grants = GrantFilter(privilege="select")
                found.append(searching.grants(connection, "shop-db", grants, limit=100))
                told.append(
                    [
                        sorted((row["schema"], row["name"], row["kind"]) for row in one)
                        for one in found
                    ]
                )
                roles = searching.roles(connection, "shop-db", limit=2, after="alice")
                told[-1].append([each["name"] for each in roles])
                first = searching.objects(connection, "shop-db", wanted[0], tagging, limit=3)
                rest = searching.objects(
                    connection,
                    "shop-db",
                    wanted[0],
                    tagging,
                    limit=100,
                    after=searching.place(first[-1]),
                )
                assert len(first) + len(rest) == len(found[0])
    finally:
        made.close()
    assert told[0] == told[1]
    assert told[0][3] == [("billing", "Bills_100%", "table")]


@pytest.mark.soak
def test_a_hundred_thousand_tables_are_listed_at_once(store):
    grants = (Given("reader", ("SELECT",)),)
    things = [
        Thing("table", f"s{number % 100}", f"table_{number}", owner="app", grants=grants)
        for number in range(100_000)
    ]
    lines = [each.line() for each in things]
    catalog = Catalog(NOW, 1.0, 16, {"wide": Part(tuple(pieces("wide", lines)))})
    deliver_here(store, {"wide": things})
    assert len(catalog.parts["wide"].pieces) < 200
    tagging = Tagging({"env": "prod"}, (TagRule("wide", "s7*", tags={"owner": "seven"}),))
    with store.read() as connection:
        for wanted in (
            ObjectFilter(),
            ObjectFilter(search="table_99999"),
            ObjectFilter(schema="s42"),
            ObjectFilter(tags={"owner": "seven"}),
        ):
            begun = time.monotonic()
            assert searching.objects(connection, "shop-db", wanted, tagging, limit=100)
            assert time.monotonic() - begun < 0.3
        begun = time.monotonic()
        held = GrantFilter(to=["reader"])
        assert len(searching.grants(connection, "shop-db", held, limit=100)) == 100
        assert time.monotonic() - begun < 0.3
