"""A connector that is killed while it changes a password: nobody is refused, and it is gone on."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from pgward.ca.settings import STORE_FILE
from pgward.client.machine import Machine
from tests.fixtures.ca import Person
from tests.fixtures.connector_process import ConnectorProcess
from tests.fixtures.gates import Gate, gate
from tests.fixtures.stack import AwareService, Stack
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = [pytest.mark.integration, pytest.mark.soak]


@dataclass
class Rotation:
    """A service that logs in as an account whose password a connector changes, by a gate."""

    stack: Stack
    person: Person
    service: AwareService
    gate: Gate
    connector: ConnectorProcess

    def begin(self) -> None:
        """Have the password changed now."""
        self.stack.site.api.post(f"/v1/secrets/{self.service.name}/change", {})

    def lets_in(self) -> bool:
        """Get in at the edge, whatever is going on; raise what refuses."""
        psycopg.connect(straight(self.person, self.stack.edge, self.service.name)).close()
        return True

    def standing(self) -> dict[str, Any]:
        (found,) = (
            each
            for each in self.stack.site.api.get("/v1/accounts")["accounts"]
            if each["secret"] == self.service.name
        )
        return dict(found)

    def is_done(self) -> bool:
        assert self.lets_in()
        found = self.standing()
        return found["changed_at"] is not None and not found["due"] and found["failure"] is None

    def verifier(self) -> str:
        query = f"select rolpassword from pg_authid where rolname = '{self.service.role}'"
        return self.stack.cluster.psql(query)


@pytest.fixture
def rotation(stack: Stack) -> Iterator[Rotation]:
    person = stack.person()
    service = stack.aware(person)
    unique, cluster = stack.site.unique, stack.cluster
    name, connector, user = unique("db"), unique("conn"), unique("c").replace("-", "_")
    cluster.psql(f'create role "{user}" login createrole')
    if cluster.version >= 16:
        cluster.psql(f'grant "{service.role}" to "{user}" with admin option')
    with gate(cluster.port, service.role) as made:
        spec = {"connector": connector, "host": "127.0.0.1", "port": made.port, "user": user}
        spec |= {"auth": {"none": True}, "sslMode": "disable", "discovery": {"every": "off"}}
        spec["accounts"] = [{"user": service.role, "secret": service.name, "every": "off"}]
        body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
        stack.site.api.put(f"/v1/resources/integration/{name}", body)
        token = stack.site.api.post("/v1/tokens", {"kind": "connector", "name": connector})["token"]
        directory = stack.site.directory / connector
        Machine.enroll(directory, token, advertise=None).close()
        process = ConnectorProcess(directory)
        try:
            yield Rotation(stack, person, service, made, process)
        finally:
            process.close()


@contextlib.contextmanager
def role_is_locked(rotation: Rotation) -> Iterator[Callable[[], bool]]:
    """Somebody changes the role at that moment: the connector's change waits for them."""
    where = str(rotation.stack.cluster.socket_dir)
    port = rotation.stack.cluster.port
    query = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        " and query ilike 'alter role%password%'"
    )
    with psycopg.connect(host=where, port=port, user="postgres", dbname="postgres") as held:
        held.execute(f'alter role "{rotation.service.role}" connection limit 50'.encode())
        try:
            yield lambda: rotation.stack.cluster.psql(query) == "1"
        finally:
            held.rollback()


@contextlib.contextmanager
def login_waits(rotation: Rotation) -> Iterator[Callable[[], bool]]:
    """The new password is there, and the login that tries it gets no answer."""
    rotation.gate.close_for()
    try:
        yield rotation.gate.arrived.is_set
    finally:
        rotation.gate.open.set()


@contextlib.contextmanager
def ca_waits(rotation: Rotation) -> Iterator[Callable[[], bool]]:
    """The new password has proved itself, and the CA's store takes no word of that."""
    rotation.gate.close_for()
    held: list[sqlite3.Connection] = []
    store = rotation.stack.site.ca.directory / STORE_FILE
    query = f"select count(*) from pg_stat_activity where usename = '{rotation.service.role}'"
    passed: list[bool] = []

    def told_nothing() -> bool:
        if not rotation.gate.arrived.is_set():
            return False
        if not held:
            held.append(sqlite3.connect(store, isolation_level=None, timeout=10))
            held[0].execute("begin immediate")
            rotation.gate.open.set()
        passed.append(rotation.stack.cluster.psql(query) == "0")
        return len(passed) > 20 and passed[-1]

    try:
        yield told_nothing
    finally:
        for each in held:
            each.execute("rollback")
            each.close()


@pytest.mark.parametrize("point", [role_is_locked, login_waits, ca_waits])
def test_a_connector_that_is_killed_at_any_point_leaves_a_password_that_works(
    rotation: Rotation, point: Callable[[Rotation], AbstractContextManager[Callable[[], bool]]]
) -> None:
    before = rotation.verifier()
    rotation.lets_in()
    with point(rotation) as has_come:
        rotation.begin()
        eventually(has_come)
        rotation.connector.kill()
    assert rotation.lets_in()
    rotation.connector.restart()
    eventually(rotation.is_done)
    assert rotation.verifier() != before
    assert rotation.stack.audit(action="account.change", outcome="ok")
