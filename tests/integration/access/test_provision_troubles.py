"""What goes wrong while rights are given and taken: nobody has too much, nothing is left."""

import itertools
import threading
import time
from typing import Any

import psycopg
import pytest

from pgward.access.rights import ObjectRights, Rights
from pgward.connector.executing import reconcile
from pgward.core.errors import UnavailableError
from tests.fixtures.access_server import (
    BUNDLES,
    CONNECTOR,
    INTEGRATION,
    AccessServer,
    grant,
    wanted,
)
from tests.fixtures.rights import all_rights, connect


def rights(server: AccessServer, name: str = "*") -> Rights:
    return Rights(
        frozenset({"reporting"}),
        frozenset(
            {
                ObjectRights(server.shop, "database", "", "", ("CONNECT",)),
                ObjectRights(server.shop, "schema", "", "billing", ("USAGE",)),
                ObjectRights(server.shop, "table", "billing", name, ("SELECT",), future=True),
            }
        ),
    )


class Meddling:
    """A server at which something happens just before the n-th statement of a kind."""

    def __init__(self, server: AccessServer, before: str, meddle: Any, nth: int = 1) -> None:
        self.version = server.version
        self.database = server.database
        self._server = server
        self._before = before
        self._meddle = meddle
        self._left = nth

    def connect(self, database: str | None = None) -> Any:
        connection = self._server.connect(database)
        execute = connection.execute

        def meddling(query: Any, *rest: Any, **more: Any) -> Any:
            text = query.decode() if isinstance(query, bytes) else query
            if self._before in text:
                self._left -= 1
                if self._left == 0:
                    self._meddle(connection)
            return execute(query, *rest, **more)

        connection.execute = meddling  # type: ignore[method-assign]
        return connection


def test_a_table_that_goes_meanwhile_holds_up_no_other(server: AccessServer) -> None:
    def drop(_: object) -> None:
        server.run("drop table billing.customers")

    meddling = Meddling(server, "GRANT SELECT ON TABLE", drop)
    made = reconcile(meddling, INTEGRATION, wanted(grant("alice", rights(server))))
    assert (made.active, made.failed) == ({"g-alice"}, {})
    assert server.ask("select * from billing.orders", user="alice") == []


def test_a_table_that_comes_meanwhile_is_covered(server: AccessServer) -> None:
    def create(_: object) -> None:
        server.run("create table billing.late (id int)", "alter table billing.late owner to app")

    meddling = Meddling(server, "GRANT SELECT ON TABLE", create)
    reconcile(meddling, INTEGRATION, wanted(grant("alice", rights(server))))
    assert server.ask("select * from billing.late", user="alice") == []


def test_a_database_that_goes_meanwhile_is_told(server: AccessServer) -> None:
    def drop(_: object) -> None:
        server.run(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname='{server.shop}'",
            f"drop database {server.shop}",
            database="postgres",
        )

    meddling = Meddling(server, "GRANT USAGE ON SCHEMA", drop)
    made = reconcile(meddling, INTEGRATION, wanted(grant("alice", rights(server))))
    assert made.failed == {"g-alice": f"there is no database '{server.shop}'"}
    assert server.reconcile().left == frozenset()


def test_a_database_that_takes_no_connections_is_told(server: AccessServer) -> None:
    server.reconcile(grant("alice", rights(server)), grant("bob"))
    server.run(
        f"alter database {server.shop} allow_connections false",
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname='{server.shop}'",
        database="postgres",
    )
    ended = server.reconcile(grant("bob"))
    assert (ended.active, ended.left) == ({"g-bob"}, frozenset())
    assert "which cannot be entered: it takes no connections" in ended.problems[0]
    server.run(f"alter database {server.shop} allow_connections true", database="postgres")
    assert server.reconcile().problems == ()
    assert server.ask("select 1 from pg_roles where rolname = 'alice'") == []


def test_what_somebody_holds_a_lock_on_is_done_later(server: AccessServer) -> None:
    server.reconcile(grant("alice", rights(server)), grant("bob", rights(server)))
    with connect(server.cluster, "postgres") as holding:
        holding.execute("begin; alter role bob connection limit 7")
        before = time.monotonic()
        ended = server.reconcile()
        assert ended.left == {"bob"}
        assert time.monotonic() - before < 8
        with pytest.raises(psycopg.OperationalError):
            server.session("alice")
        holding.execute("rollback")
    assert server.reconcile().left == frozenset()


def test_a_session_that_begins_at_the_end_ends_as_well(server: AccessServer) -> None:
    server.reconcile(grant("alice", rights(server)))

    def enter(_: object) -> None:
        server.session("alice")

    ended = reconcile(Meddling(server, "ALTER ROLE", enter), INTEGRATION, wanted())
    assert ended.sessions_ended == {"alice": 1}
    assert ended.left == frozenset()


def test_a_superuser_by_hand_is_told_and_locked_where_it_can_be(server: AccessServer) -> None:
    server.reconcile(grant("alice", rights(server)))
    server.run("alter role alice superuser")
    made = server.reconcile(grant("alice", rights(server)))
    assert "was made a superuser by somebody" in made.failed["g-alice"]
    assert made.left == {"alice"}
    server.run("alter role alice nosuperuser")
    assert server.reconcile().left == frozenset()


def test_attributes_by_hand_are_taken_away_or_told(server: AccessServer) -> None:
    kept = grant("alice", rights(server))
    server.reconcile(kept)
    server.run("alter role alice createdb bypassrls noinherit")
    made = server.reconcile(kept)
    flags = server.ask("select rolcreatedb, rolinherit from pg_roles where rolname = 'alice'")
    assert flags == [(server.version >= 16, True)]
    told = "BYPASSRLS" if server.version < 16 else "BYPASSRLS, CREATEDB"
    assert made.problems == (f"'alice': has {told}; hint: a superuser must take that away",)
    assert (made.active, made.left) == ({"g-alice"}, frozenset())
    assert server.reconcile().left == frozenset()
    assert server.ask("select 1 from pg_roles where rolname = 'alice'") == []


@pytest.mark.soak
def test_a_turn_that_breaks_off_anywhere_is_taken_up_again(server: AccessServer) -> None:
    """The connection is cut before each transaction in turn, then the next turn mends all."""
    server.run("grant create on schema billing to reporting, heir")
    before = all_rights(server.cluster)
    BUNDLES["b"] = rights(server)
    grants = (grant("alice", rights(server)), grant("bob", bundles=frozenset({"b"})))
    steps = 0
    for number in itertools.count(1):
        whole = _cut(server, grants, number)
        made = server.reconcile(*grants)
        assert (made.failed, made.left) == ({}, frozenset())
        server.run("create table billing.alices (id int)", user="alice")
        whole = _cut(server, (), number) and whole
        server.reconcile()
        server.run("drop table billing.alices")
        assert all_rights(server.cluster) == before
        steps = number
        if whole:
            break
    assert steps > 5


def _cut(server: AccessServer, grants: tuple[Any, ...], number: int) -> bool:
    """Break the connection before its n-th BEGIN; tell whether it came to its end before."""

    def cut(connection: Any) -> None:
        server.run(f"select pg_terminate_backend({connection.info.backend_pid})")

    meddling = Meddling(server, "", cut, number * 4)
    try:
        made = reconcile(meddling, INTEGRATION, wanted(*grants))
    except UnavailableError:
        return False
    return meddling._left > 0 and not made.failed


def test_two_that_work_at_once_come_to_the_same(server: AccessServer) -> None:
    before = all_rights(server.cluster)
    grants = [grant(f"p{each}", rights(server)) for each in range(5)]
    for wants in (grants, []):
        threads = [threading.Thread(target=server.reconcile, args=wants) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        made = server.reconcile(*wants)
        assert (made.failed, made.left) == ({}, frozenset())
    assert all_rights(server.cluster) == before


def test_an_owner_who_goes_takes_nothing_along(server: AccessServer) -> None:
    server.run(
        "create role maker", f"grant maker to {CONNECTOR}", "grant all on schema billing to maker"
    )
    server.run("set role maker", "create table billing.made (id int)")
    kept = grant("alice", rights(server))
    assert server.reconcile(kept).active == {"g-alice"}
    server.run("reassign owned by maker to app", "drop owned by maker", "drop role maker")
    assert server.reconcile(kept).active == {"g-alice"}
    assert server.ask("select * from billing.made", user="alice") == []
    assert server.reconcile().left == frozenset()
