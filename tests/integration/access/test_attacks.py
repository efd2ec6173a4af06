"""What somebody with a grant leaves behind, to get more than it or to keep it: on real servers."""

import contextlib

import psycopg
import pytest

from pgward.access.rights import ObjectRights, Rights
from tests.fixtures.access_server import CONNECTOR, AccessServer, grant, servers

access_servers = servers(18)
LOOT = (
    "create function billing.loots() returns void language sql as "
    "'insert into billing.loot select current_user'"
)
EVIL = (
    "create function billing.evil(int) returns int immutable language plpgsql as "
    "$$begin perform billing.loots(); return $1; end$$"
)
KEY = "alter table billing.trap add foreign key (id) references billing.bait"
TRIGGER = (
    "create function billing.pull() returns trigger language plpgsql as "
    "$$begin insert into billing.loot select current_user; return old; end$$"
)


def making(server: AccessServer) -> Rights:
    """To make things, and to read none of what there is."""
    return Rights(
        objects=frozenset(
            {
                ObjectRights(server.shop, "database", "", "", ("CONNECT",)),
                ObjectRights(server.shop, "schema", "", "billing", ("USAGE", "CREATE")),
            }
        )
    )


def reading(server: AccessServer) -> Rights:
    return Rights(
        objects=frozenset(
            {
                ObjectRights(server.shop, "schema", "", "billing", ("USAGE",)),
                ObjectRights(server.shop, "table", "billing", "customers", ("SELECT",)),
            }
        )
    )


@pytest.fixture
def shop(server: AccessServer) -> AccessServer:
    """A shop whose heir reads customers; mallory, who does not, has a standing account."""
    server.run(
        "grant create, usage on schema billing to heir",
        f"grant usage on schema billing to {CONNECTOR}",
        "insert into billing.customers values (1, 'the secret')",
        "grant select on billing.customers to heir",
        "create role mallory login",
        "grant usage on schema billing to mallory",
    )
    return server


def owner_of(server: AccessServer, name: str) -> str:
    query = f"select relowner::regrole::text from pg_class where relname = '{name}'"
    ((owner,),) = server.ask(query)
    return str(owner)


def test_a_view_shared_by_its_columns_reads_nothing_with_the_heirs_rights(
    shop: AccessServer,
) -> None:
    shop.reconcile(grant("alice", making(shop)))
    shop.run(
        "create view billing.peek as select secret, 1 as one from billing.customers",
        "grant select (secret) on billing.peek to mallory",
        user="alice",
    )
    shop.reconcile()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="view peek"):
        shop.ask("select secret from billing.peek", user="mallory")


@pytest.mark.parametrize(
    "trap",
    [
        ["create index on billing.trap (billing.evil(id))"],
        ["create index on billing.trap (id) where billing.evil(id) > 0"],
        [
            "create operator billing.## (function = billing.evil, rightarg = int)",
            "create index on billing.trap ((operator(billing.##) id))",
        ],
        [
            "create domain billing.odd as int check (billing.evil(value) > 0)",
            "create index on billing.trap ((id::billing.odd))",
        ],
        ["create statistics billing.s on (billing.evil(id)), id from billing.trap"],
    ],
)
def test_nothing_that_runs_by_itself_gets_the_heirs_rights(
    shop: AccessServer, trap: list[str]
) -> None:
    if shop.version < 14 and "statistics" in trap[0]:
        pytest.skip("14 is the first with expressions in statistics")
    shop.reconcile(grant("alice", making(shop)))
    shop.run(
        "create table billing.loot (who text)",
        LOOT,
        "create table billing.trap (id int)",
        "insert into billing.trap select generate_series(1, 10)",
        EVIL,
        *trap,
        user="alice",
    )
    ended = shop.reconcile()
    with contextlib.suppress(psycopg.Error):
        shop.run("analyze billing.trap")
    assert shop.ask("select 1 from billing.loot where who = 'heir'") == []
    assert ended.left == frozenset()
    assert "runs" in ended.problems[0]
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        shop.session("alice")


def test_nor_does_a_range_that_counts_by_a_function(shop: AccessServer) -> None:
    shop.reconcile(grant("alice", making(shop)))
    shop.run(
        "create table billing.loot (who text)",
        LOOT,
        "create function billing.apart(int, int) returns float8 immutable language plpgsql as "
        "$$begin perform billing.loots(); return $1 - $2; end$$",
        "create type billing.span as range (subtype = int, subtype_diff = billing.apart)",
        "create table billing.trap (r billing.span)",
        "insert into billing.trap select billing.span(n, n + 2) from generate_series(1, 10) n",
        user="alice",
    )
    shop.reconcile()
    with contextlib.suppress(psycopg.Error):
        shop.run("analyze billing.trap")
    assert shop.ask("select 1 from billing.loot where who = 'heir'") == []


@pytest.mark.parametrize(
    "trap",
    [
        [
            TRIGGER,
            (
                "create trigger t after delete on billing.trap for each row "
                "execute function billing.pull()"
            ),
            f"{KEY} on delete cascade",
        ],
        [
            EVIL,
            "alter table billing.trap alter id set default billing.evil(0)",
            f"{KEY} on delete set default",
        ],
        [
            EVIL,
            "alter table billing.trap add check (id is not null or billing.evil(0) = 0)",
            f"{KEY} on delete set null",
        ],
    ],
)
def test_a_foreign_key_pulls_no_trigger_with_the_heirs_rights(
    shop: AccessServer, trap: list[str]
) -> None:
    shop.reconcile(grant("alice", making(shop)))
    shop.run(
        "create table billing.loot (who text)",
        LOOT,
        "create table billing.bait (id int primary key)",
        "create table billing.trap (id int)",
        *trap,
        "insert into billing.bait values (0), (1)",
        "insert into billing.trap values (1)",
        "grant select, delete on billing.bait to mallory",
        user="alice",
    )
    shop.reconcile()
    with contextlib.suppress(psycopg.Error):
        shop.run("delete from billing.bait where id = 1", user="mallory")
    assert shop.ask("select 1 from billing.loot where who = 'heir'") == []


def test_plain_tables_and_what_superusers_made_are_handed_on(shop: AccessServer) -> None:
    shop.run("create function billing.fine(int) returns int immutable language sql as 'select $1'")
    shop.reconcile(grant("alice", making(shop)))
    shop.run(
        "create table billing.mine (id int primary key, name text default lower('A'))",
        "create index on billing.mine (lower(name))",
        "create index on billing.mine (billing.fine(id)) where id > 0",
        "create table billing.more (id int references billing.mine on delete cascade)",
        user="alice",
    )
    ended = shop.reconcile()
    assert (ended.problems, owner_of(shop, "mine"), owner_of(shop, "more")) == ((), "heir", "heir")


def test_a_database_shut_to_the_connector_keeps_nobodys_right(shop: AccessServer) -> None:
    """Who owns a database, or has its owner's rights, can shut the connector out of it."""
    one, other = grant("alice", reading(shop)), grant("alice", number="2")
    shop.reconcile(one, other)
    shop.run(
        f"revoke connect on database {shop.shop} from {CONNECTOR}, app, public cascade",
        f"grant connect on database {shop.shop} to alice",
    )
    after = shop.reconcile(other)
    assert "g-alice2" in after.failed
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        shop.session("alice")
    shop.run(f"grant connect on database {shop.shop} to {CONNECTOR} with grant option")
    assert shop.reconcile(other).active == {"g-alice2"}
    shop.session("alice", "postgres")
    assert shop.ask("select has_table_privilege('alice', 'billing.customers', 'select')") == [
        (False,)
    ]


def test_settings_of_a_database_hinder_no_end(shop: AccessServer) -> None:
    shop.run(
        f"alter database {shop.shop} set role = app",
        f"alter database {shop.shop} set search_path = billing, pg_catalog",
        f"alter database {shop.shop} set default_transaction_isolation = serializable",
        f"alter database {shop.shop} set default_transaction_read_only = on",
        *(
            [f"alter database {shop.shop} set transaction_timeout = '300ms'"]
            if shop.version >= 17
            else []
        ),
    )
    given = shop.reconcile(grant("alice", making(shop) | reading(shop)))
    assert given.active == {"g-alice"}
    with shop.session("alice") as connection:
        connection.execute("reset role")
        connection.execute("set default_transaction_read_only = off")
        connection.execute("create table billing.mine (id int)")
    assert shop.reconcile().problems == ()
    assert shop.ask("select 1 from pg_roles where rolname = 'alice'") == []


def test_a_role_that_somebody_lends_is_nobodys_after_it(shop: AccessServer) -> None:
    """Before 15 anybody can make others members of the role that they are."""
    if shop.version >= 15:
        pytest.skip("nobody can, since 15")
    before = shop.reconcile(grant("alice", reading(shop))).desired
    shop.run("grant alice to mallory", user="alice")
    mallory = shop.session("mallory")
    mallory.execute("set role alice")
    assert mallory.execute("select secret from billing.customers").fetchall()
    drifted = shop.reconcile(grant("alice", reading(shop)), before=before)
    assert [each.what for each in drifted.drift] == ["membership"]
    shop.reconcile()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        mallory.execute("select secret from billing.customers")


def test_a_password_that_somebody_set_lives_no_longer_than_the_grant(shop: AccessServer) -> None:
    shop.reconcile(grant("alice", reading(shop)))
    holding = shop.session("alice")
    holding.execute("begin")
    holding.execute("alter role alice password 'known'")  # and nobody else can change the role
    holding.execute("alter role alice set search_path = billing")
    ended = shop.reconcile()
    assert (ended.left, ended.sessions_ended) == (frozenset(), {"alice": 1})
    assert shop.ask("select 1 from pg_authid where rolname = 'alice'") == []
    assert shop.ask("select 1 from pg_db_role_setting where setrole <> 0") == []


def test_what_listens_waits_or_holds_locks_ends(shop: AccessServer) -> None:
    shop.reconcile(grant("alice", making(shop) | reading(shop)))
    for statement in (
        "listen everything",
        "select pg_advisory_lock(1)",
        "declare c cursor with hold for select * from billing.customers",
        "prepare p as select * from billing.customers",
        "create temp table t as select * from billing.customers",
    ):
        shop.session("alice").execute(statement)
    ended = shop.reconcile()
    assert ended.sessions_ended == {"alice": 5}
    assert shop.ask("select 1 from pg_roles where rolname = 'alice'") == []
