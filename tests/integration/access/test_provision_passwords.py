"""Access roles with passwords on real servers: given by their verifiers, changed, taken away."""

from dataclasses import replace

import psycopg
import pytest

from pgward.connector.executing import Outcome, reconcile
from tests.fixtures.access_server import (
    INTEGRATION,
    AccessServer,
    grant,
    servers,
    wanted,
)

access_servers = servers(15, 18)


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
