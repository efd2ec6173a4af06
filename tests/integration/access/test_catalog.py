"""What real servers of several versions hold, as an account of few rights sees it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgward.access.catalog import Given, Membership, Thing
from pgward.connector.discovering import Catalog, Scope, discover
from pgward.core.errors import PgwardError
from pgward.system.postgres import Cluster, temporary_cluster

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MEAN = "a\"b;'--\n\x1b[31mé"
SET_UP = """
create role app nologin; create role reader nologin; create role alice login;
grant reader to alice with admin option; create role eye login;
alter role alice connection limit 3 valid until '2030-01-01 00:00:00+00';
create database shop owner app; create database locked;
revoke connect on database locked from public;
comment on database shop is 'the shop';
"""
IN_SHOP = """
create schema billing authorization app; grant usage on schema billing to reader;
set role app;
create table billing.cards (id int primary key, number text, owner text);
comment on table billing.cards is 'credit cards';
grant select, insert on billing.cards to reader with grant option;
grant select (owner), update (owner) on billing.cards to alice;
grant select on billing.cards to public;
create view billing.seen as select 1 as one;
create materialized view billing.kept as select 1 as one;
create sequence billing.ids; grant usage on sequence billing.ids to reader;
create function billing.add(a int, b int) returns int language sql as 'select 1';
create procedure billing.work(a int) language sql as 'select 1';
revoke execute on function billing.add from public; grant execute on function billing.add to reader;
alter default privileges in schema billing grant select on tables to reader;
insert into billing.cards select n, 'x', 'y' from generate_series(1, 1234) n; analyze billing.cards;
"""


class Reached:
    """A server, reached as one account."""

    def __init__(self, cluster: Cluster, user: str = "eye") -> None:
        self.cluster, self.user = cluster, user

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.cluster.socket_dir),
            port=self.cluster.port,
            user=self.user,
            dbname=database or "postgres",
            autocommit=True,
        )


def look(cluster: Cluster, *databases: str, user: str = "eye") -> Catalog:
    scope = Scope(databases or ("*",))
    return discover(Reached(cluster, user), scope, now=lambda: NOW)


def by_name(catalog: Catalog, database: str) -> dict[tuple[str, str, str], Thing]:
    return {
        (each.kind, each.schema, each.name): each
        for where, each in catalog.things()
        if where == database
    }


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with temporary_cluster() as cluster:
        set_up(cluster)
        yield cluster


def set_up(cluster: Cluster) -> None:
    for statement in SET_UP.split(";"):
        cluster.psql(statement)
    cluster.psql(IN_SHOP, database="shop")


def check_shop(cluster: Cluster) -> None:
    found = by_name(look(cluster, "shop"), "shop")

    cards = found["table", "billing", "cards"]
    assert (cards.owner, cards.comment, cards.rows) == ("app", "credit cards", 1200)
    assert cards.size
    assert cards.grants == (
        Given("", ("SELECT",)),
        Given("alice", ("SELECT", "UPDATE"), (), "owner"),
        Given("reader", ("INSERT", "SELECT"), ("INSERT", "SELECT")),
    )
    assert found["table", "billing", "seen"].detail == "view"
    assert found["table", "billing", "kept"].detail == "materialized view"
    assert found["sequence", "billing", "ids"].grants == (Given("reader", ("USAGE",)),)
    add = found["function", "billing", "add"]
    assert (add.signature, add.grants) == ("a integer, b integer", (Given("reader", ("EXECUTE",)),))
    work = found["function", "billing", "work"]
    assert (work.detail, work.grants) == ("procedure", (Given("", ("EXECUTE",)),))
    assert found["default", "billing", "app"].grants == (Given("reader", ("SELECT",)),)
    assert found["schema", "", "billing"].grants == (Given("reader", ("USAGE",)),)


def check_roles(cluster: Cluster, version: int) -> None:
    catalog = look(cluster, "shop")
    found = by_name(catalog, "")

    assert catalog.version == version
    assert found["role", "", "alice"] == Thing(
        "role",
        "",
        "alice",
        attributes={"login": True, "limit": 3, "valid_until": "2030-01-01T00:00:00Z"},
        member_of=(Membership("reader", admin=True),),
    )
    shop = found["database", "", "shop"]
    assert (shop.owner, shop.comment) == ("app", "the shop")
    assert shop.grants == (Given("", ("CONNECT", "TEMPORARY")),)
    assert shop.size


def test_what_a_database_holds_is_found_with_who_may_do_what(server: Cluster) -> None:
    check_shop(server)
    check_roles(server, server.version)


@pytest.mark.matrix
def test_every_version_tells_the_same(pg_each: Cluster) -> None:
    set_up(pg_each)

    check_shop(pg_each)
    check_roles(pg_each, pg_each.version)


def test_what_the_account_may_not_see_is_said(server: Cluster) -> None:
    catalog = look(server)

    assert catalog.parts["locked"].problem == "no right to connect to the database locked"
    assert catalog.parts["shop"].problem is None
    assert "template0" not in catalog.parts
    assert by_name(catalog, "")["database", "", "template0"].detail == "template"


def test_a_database_that_is_left_out_is_not_told(server: Cluster) -> None:
    scope = Scope(("*",), ("loc*", "template?", "template*"))

    catalog = discover(Reached(server), scope, now=lambda: NOW)

    assert sorted(catalog.parts) == ["", "postgres", "shop"]
    assert ("database", "", "locked") not in by_name(catalog, "")


def test_nothing_changes_means_the_same_pieces(server: Cluster) -> None:
    one, other = look(server), look(server)

    assert [each.digest for each in one.parts["shop"].pieces] == [
        each.digest for each in other.parts["shop"].pieces
    ]


def test_names_are_taken_as_they_are(server: Cluster) -> None:
    with Reached(server, "postgres").connect() as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(MEAN)))
        connection.execute(sql.SQL("create role {}").format(sql.Identifier(MEAN)))
    with Reached(server, "postgres").connect(MEAN) as connection:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(MEAN)))
        names = [sql.Identifier(MEAN)] * 3
        connection.execute(sql.SQL("create table {}.{} ({} int)").format(*names))
        connection.execute(sql.SQL("grant select on {}.{} to {}").format(*names))

    found = by_name(look(server), MEAN)

    assert found["table", MEAN, MEAN].grants == (Given(MEAN, ("SELECT",)),)


def test_a_database_without_an_encoding_may_have_any_bytes_for_a_name(server: Cluster) -> None:
    server.psql("create database raw encoding 'SQL_ASCII' template template0")
    with Reached(server, "postgres").connect("raw") as connection:
        connection.execute("set client_encoding = 'SQL_ASCII'")
        connection.execute(b'create table "t\xff\xc3\xa9" (id int)')

    assert ("table", "public", "t\\xffé") in by_name(look(server, "raw"), "raw")


def test_a_database_that_goes_away_hides_no_other(server: Cluster) -> None:
    server.psql("create database gone")
    reached = Reached(server)
    dropped = []

    def drop() -> bool:
        if not dropped:
            dropped.append(server.psql("drop database gone"))
        return True

    catalog = discover(reached, Scope(("gone", "shop")), now=lambda: NOW, go_on=drop)

    assert "cannot be read" in (catalog.parts["gone"].problem or "")
    assert catalog.parts["gone"].pieces == ()
    assert catalog.parts["shop"].pieces


def test_it_is_broken_off_between_databases(server: Cluster) -> None:
    with pytest.raises(PgwardError, match="broken off"):
        discover(Reached(server), now=lambda: NOW, go_on=lambda: False)


@pytest.mark.soak
def test_five_thousand_tables_take_seconds(server: Cluster) -> None:
    server.psql("create database wide")
    server.psql(
        "do $$ begin for n in 1..5000 loop execute format('create table t%s (id int)', n);"
        " execute format('grant select on t%s to reader', n); end loop; end $$",
        database="wide",
    )
    begun = time.monotonic()

    part = look(server, "wide").parts["wide"]

    assert time.monotonic() - begun < 20
    assert sum(len(piece.lines) for piece in part.pieces) == 5001
