"""Nasty names on real servers, at every place where SQL of ours has one: each is that name.

What people may choose is said in tests/integration/test_access_names.py; databases may hold more.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from pgward.access import set_up
from pgward.access.marks import is_reserved
from pgward.access.quoting import identifier, is_name
from pgward.access.rights import ObjectRights, Rights
from pgward.connector import accounts
from pgward.connector.assignment import Assignment
from pgward.connector.discovering import Scope, discover
from pgward.connector.executing import reconcile
from pgward.connector.logins import Logins, Places
from pgward.connector.server import PostgresServer
from pgward.connector.tls_files import TlsFiles
from tests.fixtures.access_server import (
    BUNDLES,
    INTEGRATION,
    LATER,
    AccessServer,
    grant,
    servers,
    wanted,
)
from tests.fixtures.connectors import integration_fields
from tests.fixtures.nasty_names import NASTY
from tests.fixtures.rights import all_rights

access_servers = servers(18)
THERE = {"public", "postgres", "pgward_connector"}
NAMES = sorted(
    name for name in NASTY.values() if is_name(name) and not is_reserved(name) and name not in THERE
)
WORST = NASTY["double quote"] + NASTY["backslash quote"] + "$$"


@dataclass
class NastyServer(AccessServer):
    """As the connector reaches it in earnest, by its own settings, as an account of any name."""

    user: str = "pgward_connector"

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        place = {"host": str(self.cluster.socket_dir), "port": self.cluster.port}
        fields = integration_fields(user=self.user, database=self.database, **place)
        files = TlsFiles(self.cluster.data_dir, lambda: self.cluster.data_dir / "none")
        logins = Logins(INTEGRATION, None, Places(private=[]), files)  # type: ignore[arg-type]
        settings = Assignment.read(fields).settings
        return PostgresServer(INTEGRATION, "c1", settings, logins).connect(database)


@pytest.fixture
def nasty(server: AccessServer) -> NastyServer:
    return NastyServer(server.cluster, server.shop)


@pytest.fixture
def roles(nasty: NastyServer) -> Iterator[NastyServer]:
    """With a role of each name, which the connector may grant, and whose things it may grant on."""
    options = " with admin true, inherit true, set true" if nasty.version >= 16 else ""
    quoted = [identifier(each) for each in NAMES]
    nasty.run(
        *(f"create role {each}; grant {each} to pgward_connector{options}" for each in quoted)
    )
    yield nasty
    nasty.run(*(f"drop owned by {each}; drop role {each}" for each in quoted))


def comes_and_goes(server: NastyServer, rights: Rights) -> None:
    """See that all of some rights are given, and all of them are gone."""
    BUNDLES["b"] = rights
    before = all_rights(server.cluster)
    given = grant("alice", bundles=frozenset({"b"}))
    made = server.reconcile(given)
    assert (made.failed, made.problems) == ({}, ())
    assert server.reconcile(given).statements == ()
    assert server.reconcile().left == frozenset()
    assert all_rights(server.cluster) == before
    assert server.ask("select count(*) from billing.orders") == [(0,)]


def test_a_role_of_the_server_is_granted_by_its_name(roles: NastyServer) -> None:
    comes_and_goes(roles, Rights(frozenset(NAMES)))


@pytest.mark.soak
def test_whoever_owns_what_is_granted_may_have_any_name(roles: NastyServer) -> None:
    for each in map(identifier, NAMES):
        roles.run(
            f"create schema {each} authorization {each}",
            f"set role {each}; create table {each}.{each} ({each} int)",
        )
    kinds = ("table", "sequence", "function")
    objects = {ObjectRights(roles.shop, "schema", "", each, ("USAGE",)) for each in NAMES}
    privilege = {"table": "SELECT", "sequence": "USAGE", "function": "EXECUTE"}
    objects |= {
        ObjectRights(roles.shop, kind, each, "*", (privilege[kind],), future=True)
        for kind in kinds
        for each in NAMES
    }
    comes_and_goes(roles, Rights(objects=frozenset(objects)))


@pytest.mark.soak
@pytest.mark.parametrize("place", ["role", "schema", "table", "column", "comment"])
def test_what_is_found_is_told_as_it_is(roles: NastyServer, place: str) -> None:
    if place == "role":
        things = discover(roles, now=lambda: LATER).things()
        assert {each.name for _, each in things if each.kind == "role"} >= set(NAMES)
        return
    roles.run("create schema named; create table named.t (id int)")
    for number, name in enumerate(NAMES):
        quoted = identifier(name)
        roles.run(
            {
                "schema": f"create schema {quoted}",
                "table": f"create table named.{quoted} ()",
                "column": f"alter table named.t add {quoted} int; "
                f"grant select ({quoted}) on named.t to reporting",
                "comment": f"create table named.t{number} (); "
                f"comment on table named.t{number} is {_literal(name)}",
            }[place]
        )
    found = [each for _, each in discover(roles, now=lambda: LATER).things()]
    seen = {
        "schema": {each.name for each in found if each.kind == "schema"},
        "table": {each.name for each in found if each.schema == "named"},
        "column": {given.column for each in found for given in each.grants},
        "comment": {each.comment for each in found},
    }[place]
    assert seen >= set(NAMES)


@pytest.mark.soak
def test_the_heir_may_have_any_name(roles: NastyServer) -> None:
    making = ObjectRights(roles.shop, "schema", "", "billing", ("USAGE", "CREATE"))
    for heir in (NASTY["backslash quote"], NASTY["double quote"], NASTY["dollars"]):
        roles.run(f"grant create on schema billing to {identifier(heir)}")
        roles.reconcile(grant("alice", Rights(objects=frozenset({making}))))
        roles.run("create table billing.mine (id int)", user="alice")
        ended = reconcile(roles, INTEGRATION, wanted(reassign_to=heir))
        assert ended.problems == ()
        owner = "select rolname from pg_class c join pg_roles r on r.oid = relowner"
        assert roles.ask(f"{owner} where relname = 'mine'") == [(heir,)]
        roles.run("drop table billing.mine")


def test_the_account_may_have_any_name(nasty: NastyServer) -> None:
    """As its set-up prints it, and psql reads it: with owners, roles and databases of any name."""
    owners = [each for each in NAMES if each != WORST]
    nasty.run(*(f"create role {identifier(each)}" for each in owners))
    script = set_up.sql(
        nasty.version,
        user=WORST,
        databases=[nasty.shop],
        owners=["app", *owners],
        roles=["reporting", *owners],
        reassign_to="heir",
    )
    nasty.cluster.psql(script)
    granted = "select m.roleid from pg_auth_members m join pg_roles r on r.oid = m.member"
    found = nasty.ask(f"{granted} where r.rolname = {_literal(WORST)}")
    # Before 16 nobody needs to be a member of what they grant.
    also = {"app", "heir"} | ({"reporting"} if nasty.version >= 16 else set())
    assert len(set(found)) == len({*owners, *also})
    own = NastyServer(nasty.cluster, nasty.shop, user=WORST)
    read = ObjectRights(nasty.shop, "table", "billing", "*", ("SELECT",), future=True)
    use = ObjectRights(nasty.shop, "schema", "", "billing", ("USAGE",))
    try:
        comes_and_goes(own, Rights(frozenset({"reporting"}), frozenset({read, use})))
    finally:
        nasty.run(f"drop owned by {identifier(WORST)}; drop role {identifier(WORST)}")


class Ca:
    """Gives a password, whatever the account is called."""

    def call(self, _method: str, path: str, _fields: Any) -> dict[str, Any]:
        word = b64encode(b"a long new word").decode()
        return {"version": 2, "value": word, "former": word} if path.endswith("/begin") else {}


@pytest.mark.soak
def test_the_password_is_that_of_the_account_and_no_other(roles: NastyServer) -> None:
    class Server:
        def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
            return roles.connect(database)

        def log_in(self, user: str, _password: str, _database: str | None = None) -> None:
            set_now = "select rolname from pg_authid where rolpassword is not null"
            assert roles.ask(set_now) == [(user,)]
            roles.run(f"alter role {identifier(user)} password null")

    assert all(accounts.change(Ca(), Server(), INTEGRATION, each) for each in NAMES)


@pytest.mark.soak
def test_databases_may_be_called_anything(nasty: NastyServer) -> None:
    """Also what would lead elsewhere, were it read as connection settings."""
    for name in NAMES:
        nasty.run(f"create database {identifier(name)} owner app", database="postgres")
        making = ("create schema s authorization app", "set role app; create table s.t (id int)")
        nasty.run(*making, database=name)
        objects = {
            ObjectRights(name, "database", "", "", ("TEMPORARY",)),
            ObjectRights(name, "schema", "", "s", ("USAGE",)),
            ObjectRights(name, "table", "s", "*", ("SELECT",), future=True),
        }
        made = nasty.reconcile(grant("alice", Rights(objects=frozenset(objects))))
        assert (made.failed, made.problems) == ({}, ())
        assert nasty.ask("select * from s.t", user="alice", database=name) == []
        found = discover(nasty, Scope((name,)) if "*" not in name else Scope(), now=lambda: LATER)
        assert found.parts[name].problem is None
        assert nasty.reconcile().left == frozenset()
        nasty.run(f"drop database {identifier(name)}", database="postgres")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
