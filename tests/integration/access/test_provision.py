"""A grant's life on real servers, worked by an account that is no superuser."""

from dataclasses import replace

import psycopg
import pytest

from pgward.access.plans import Drift
from pgward.access.rights import ObjectRights, Rights
from pgward.connector.executing import Outcome, reconcile
from tests.fixtures.access_server import BUNDLES, INTEGRATION, AccessServer, grant, servers, wanted
from tests.fixtures.rights import all_rights

access_servers = servers(15, 18)  # before and after the memberships of 16


def reading(server: AccessServer, *, future: bool = True) -> Rights:
    return Rights(
        objects=frozenset(
            {
                ObjectRights(server.shop, "database", "", "", ("CONNECT",)),
                ObjectRights(server.shop, "schema", "", "billing", ("USAGE",)),
                ObjectRights(server.shop, "table", "billing", "*", ("SELECT",), future),
                ObjectRights(server.shop, "sequence", "billing", "*", ("USAGE",), future),
                ObjectRights(server.shop, "function", "billing", "*", ("EXECUTE",), future),
            }
        )
    )


def tables(server: AccessServer, name: str, *privileges: str) -> Rights:
    return Rights(
        objects=frozenset(
            {
                ObjectRights(server.shop, "schema", "", "billing", ("USAGE",)),
                ObjectRights(server.shop, "table", "billing", name, privileges),
            }
        )
    )


REPORTING = Rights(frozenset({"reporting"}))


def test_a_grant_begins_and_ends_and_leaves_nothing(server: AccessServer) -> None:
    before = all_rights(server.cluster)
    BUNDLES["reading"] = reading(server)
    made = server.reconcile(
        grant("alice", bundles=frozenset({"reading"})),
        grant("bob", reading(server) | REPORTING),
    )
    assert made.active == {"g-alice", "g-bob"}
    assert (made.failed, made.problems, made.left) == ({}, (), frozenset())
    for person in ("alice", "bob"):
        session = server.session(person)
        assert session.execute("select count(*) from billing.orders").fetchone() == (0,)
        assert session.execute("select nextval('billing.numbers')").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("insert into billing.orders values (1)")
    ended = server.reconcile()
    assert ended.sessions_ended == {"alice": 1, "bob": 1}
    assert (ended.left, ended.problems) == (frozenset(), ())
    assert all_rights(server.cluster) == before
    for session in server.opened:
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match='role "alice" does not exist'):
        server.session("alice")


def test_what_was_done_is_done_once(server: AccessServer) -> None:
    grants = [grant("alice", reading(server) | REPORTING)]
    assert server.reconcile(*grants).statements
    assert server.reconcile(*grants).statements == ()


def test_nobody_becomes_what_they_have_the_rights_of(server: AccessServer) -> None:
    server.reconcile(grant("alice", REPORTING))
    session = server.session("alice")
    assert session.execute("select count(*) from billing.customers").fetchone() == (0,)
    if server.version >= 16:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("set role reporting")


def test_objects_to_come_are_covered_at_once(server: AccessServer) -> None:
    server.reconcile(grant("alice", reading(server)))
    server.run("set role app", "create table billing.later (id int)")
    assert server.ask("select * from billing.later", user="alice") == []
    assert server.reconcile().left == frozenset()


def test_what_others_make_is_covered_by_the_next_look(server: AccessServer) -> None:
    grants = [grant("alice", tables(server, "l*", "SELECT"))]
    server.reconcile(*grants)
    server.run("set role app", "create table billing.later (id int)")
    assert server.reconcile(*grants).active == {"g-alice"}
    assert server.ask("select * from billing.later", user="alice") == []


def test_of_two_grants_one_lives_on(server: AccessServer) -> None:
    long = grant("alice", tables(server, "orders", "SELECT"))
    short = grant("alice", tables(server, "customers", "SELECT"), number="2")
    server.reconcile(long, short)
    idle, busy = server.session("alice"), server.session("alice")
    busy.execute("begin; select * from billing.customers")
    after = server.reconcile(long)
    assert after.sessions_ended == {"alice": 1}
    assert idle.execute("select count(*) from billing.orders").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        idle.execute("select * from billing.customers")
    with pytest.raises(psycopg.OperationalError):
        busy.execute("select 1")


def test_a_role_that_was_set_does_not_outlive_the_membership(server: AccessServer) -> None:
    server.reconcile(grant("alice", REPORTING))
    session = server.session("alice")
    if server.version < 16:
        session.execute("set role reporting")
    server.reconcile(grant("alice"))
    with pytest.raises((psycopg.OperationalError, psycopg.errors.InsufficientPrivilege)):
        session.execute("select * from billing.customers")


def test_what_was_granted_by_hand_is_taken_away_and_told(server: AccessServer) -> None:
    kept = grant("alice", tables(server, "orders", "SELECT"))
    first = server.reconcile(kept)
    server.run(
        "grant insert on billing.orders to alice",
        "grant select (secret) on billing.customers to alice",
        "grant update on billing.orders to alice with grant option",
        "alter default privileges for role app grant delete on tables to alice",
        "revoke select on billing.orders from alice",
        "alter role alice connection limit 3",
    )
    mended = server.reconcile(kept, before=first.desired)
    assert {(each.what, each.mended) for each in mended.drift} == {
        ("privilege", True),
        ("default privilege", True),
        ("missing", True),
    }
    assert server.reconcile(kept).statements == ()
    assert server.ask("select * from billing.orders", user="alice") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.ask("select secret from billing.customers", user="alice")


def test_what_an_access_role_grants_on_goes_with_its_right(server: AccessServer) -> None:
    before = all_rights(server.cluster)
    kept = grant("alice", tables(server, "orders", "SELECT"))
    server.reconcile(kept)
    server.run("grant select on billing.orders to alice with grant option")
    server.run("grant select on billing.orders to public", user="alice")
    server.reconcile(kept)
    query = "select has_table_privilege('heir', 'billing.orders', 'select')"
    assert server.ask(query) == [(False,)]
    server.reconcile()
    assert all_rights(server.cluster) == before


def test_a_membership_by_hand_is_taken_away_or_told(server: AccessServer) -> None:
    kept = grant("alice")
    first = server.reconcile(kept)
    server.run("grant reporting to alice")
    after = server.reconcile(kept, before=first.desired)
    (drift,) = after.drift
    assert (drift.what, drift.role) == ("membership", "alice")
    if server.version < 16:
        assert drift.mended
        assert server.reconcile(kept).statements == ()
    else:
        assert drift == Drift(
            "membership",
            "alice",
            "'alice' was a member of 'reporting' by 'postgres'; hint: that role, or a superuser, "
            "must revoke it",
            mended=False,
        )
    assert server.reconcile().left == frozenset()


def test_what_people_made_is_handed_on_without_more_rights(server: AccessServer) -> None:
    server.run("grant create on schema billing to reporting, heir")
    server.reconcile(grant("alice", reading(server) | REPORTING))
    server.run(
        "create table billing.mine (id int)",
        "create view billing.peek as select secret from billing.customers",
        "grant select on billing.peek, billing.mine to public",
        "create function billing.spy() returns setof text language sql security definer "
        "as 'select secret from billing.customers'",
        "alter default privileges in schema billing grant select on tables to public",
        user="alice",
    )
    after = server.reconcile()
    assert after.left == frozenset()
    assert server.ask(
        "select relname::text, relowner::regrole::text, coalesce(relacl::text, '') like '%{=r%' "
        "or relacl::text like '%,=r%' from pg_class where relname in ('mine', 'peek') order by 1"
    ) == [("mine", "heir", True), ("peek", "heir", False)]
    assert server.ask(
        "select prosecdef, proowner::regrole::text from pg_proc where proname = 'spy'"
    ) == [(False, "heir")]
    assert server.ask("select 1 from pg_default_acl") == []
    assert server.ask("select 1 from pg_roles where rolname = 'alice'") == []


def test_without_an_heir_a_role_stays_locked_and_opens_again(server: AccessServer) -> None:
    server.run("grant create on schema billing to reporting")
    kept = grant("alice", reading(server) | REPORTING)
    server.reconcile(kept)
    server.run("create table billing.mine (id int)", user="alice")
    ended = reconcile(server, INTEGRATION, wanted(reassign_to=None))
    assert ended.left == frozenset()
    assert ended.problems == (
        (
            "the role 'alice' stays, and nobody can log in as it: it owns table billing.mine, and "
            "the integration has no reassignTo"
        ),
    )
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        server.session("alice")
    assert reconcile(server, INTEGRATION, wanted(reassign_to=None)).statements == ()
    assert server.reconcile(kept).active == {"g-alice"}
    assert server.ask("select * from billing.mine", user="alice") == []
    assert server.reconcile().left == frozenset()


def test_what_cannot_be_handed_on_keeps_its_locked_role(server: AccessServer) -> None:
    server.run("grant create on schema billing to reporting")
    server.reconcile(grant("alice", reading(server) | REPORTING))
    server.run("create function billing.f() returns int language sql as 'select 1'", user="alice")
    ended = server.reconcile()
    problem = "'alice': permission denied for schema billing"
    advice = "hint: 'heir' needs CREATE where it gets objects"
    assert (ended.left, ended.problems) == (frozenset(), (f"{problem}; {advice}",))
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        server.session("alice")
    server.run("grant create on schema billing to heir")
    assert server.reconcile().problems == ()
    assert server.ask("select 1 from pg_roles where rolname = 'alice'") == []


def reach(server: AccessServer, version: int | None) -> Outcome:
    passwords = {} if version is None else {"alice": version}
    return reconcile(server, INTEGRATION, replace(wanted(grant("alice")), passwords=passwords))


def lets_in(server: AccessServer, password: str) -> bool:
    """Over TCP, where the server asks for it."""
    where = {"host": "127.0.0.1", "port": server.cluster.port, "dbname": "postgres"}
    try:
        psycopg.connect(user="alice", password=password, **where).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def alice(server: AccessServer) -> AccessServer:
    server.run("alter system set log_statement = 'all'")
    server.cluster.reload()
    server.passwords = {("alice", 1): "first-Canary", ("alice", 2): "second-Canary"}
    return server


def test_a_role_has_its_password_until_it_has_another_or_none(alice: AccessServer) -> None:
    made = reach(alice, 1)
    assert (made.active, made.passwords) == ({"g-alice"}, {"alice": 1})
    assert lets_in(alice, "first-Canary")
    again = reach(alice, 1)
    assert (again.statements, again.passwords) == ((), {"alice": 1})
    assert reach(alice, 2).passwords == {"alice": 2}
    assert (lets_in(alice, "first-Canary"), lets_in(alice, "second-Canary")) == (False, True)
    assert reach(alice, None).passwords == {}
    assert not lets_in(alice, "second-Canary")
    assert "Canary" not in alice.cluster.log_path.read_text()
    reconcile(alice, INTEGRATION, wanted())
    assert alice.ask("select 1 from pg_roles where rolname = 'alice'") == []


def test_a_role_that_must_stay_loses_its_password_and_gets_another(alice: AccessServer) -> None:
    """It owns something, and nobody is named to get that."""
    reach(alice, 1)
    alice.run(f"grant create on database {alice.shop} to alice")
    alice.run("create schema hers", user="alice")
    reconcile(alice, INTEGRATION, replace(wanted(reassign_to=None)))
    assert not lets_in(alice, "first-Canary")
    alice.run("drop schema hers")
    assert reach(alice, 1).passwords == {"alice": 1}
    assert lets_in(alice, "first-Canary")
