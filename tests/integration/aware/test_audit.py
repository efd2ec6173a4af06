"""What real clients say to a real PostgreSQL is on record at the CA, whatever is killed."""

import json
import threading
from collections import Counter
from contextlib import suppress

import psycopg
import pytest

from pgward.client.home import Home
from tests.fixtures.edge_process import eventually
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration
PATIENCE = 60


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


class World:
    """An edge of this test's own with one audited service."""

    def __init__(self, stack, person):
        self.edge = stack.new_edge()
        self.service = stack.aware(person, edges=(self.edge,))
        self._api = stack.site.api
        paths = Home(person.home).paths
        self.conninfo = psycopg.conninfo.make_conninfo(
            host=f"{self.service.name}.edge.test",
            hostaddr="127.0.0.1",
            port=self.edge.port,
            user=person.name,
            dbname="anything",
            sslmode="verify-full",
            sslcert=paths.cert,
            sslkey=paths.key,
            sslrootcert=paths.ca,
        )

    def records(self):
        found, cursor = [], None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            text = self._api.get_bytes(
                "/v1/audit/records", service=self.service.name, order="oldest", limit=500, **more
            )
            *lines, last = [json.loads(line) for line in text.splitlines()]
            found += lines
            cursor = last["page"]["cursor"]
            if cursor is None:
                return found

    def texts(self):
        return [record.get("text") or "" for record in self.records()]


@pytest.fixture
def world(stack, person):
    made = World(stack, person)
    yield made
    made.edge.close()


def test_statements_are_on_record_with_parameters_rows_and_errors(world, person):
    with psycopg.connect(world.conninfo, autocommit=True) as session:
        session.execute("select 'simple'")
        session.execute("select %s::int + %s", (40, 2))
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.execute("select 1/0")
        assert cancelled(session)
    eventually(lambda: Counter(r["type"] for r in world.records())["SESSION_END"] == 1, PATIENCE)
    said = {record.get("text"): record for record in world.records()}
    assert said["select 'simple'"]["rows"] == 1
    assert said["select $1::int + $2"]["parameters"] == ["40", "2"]
    assert said["select 1/0"]["sqlstate"] == "22012"
    assert {record.get("user") for record in world.records()} == {person.name}
    asked = [record for record in world.records() if record["type"] == "CANCEL"]
    assert {record["session"] for record in asked} == {said["select 1/0"]["session"]}


def test_what_was_answered_is_on_record_though_the_edge_was_killed(world):
    answered, stop = [], threading.Event()

    def work(name):
        number = 0
        while not stop.is_set():
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(world.conninfo, autocommit=True) as session,
            ):
                while not stop.is_set():
                    number += 1
                    text = f"select 'client {name} says {number}'"
                    session.execute(text)
                    answered.append(text)

    clients = [threading.Thread(target=work, args=(name,)) for name in range(3)]
    for client in clients:
        client.start()
    for _ in range(2):
        before = len(answered)
        eventually(lambda before=before: len(answered) >= before + 50, PATIENCE)
        world.edge.kill()
        world.edge.restart()
    before = len(answered)
    eventually(lambda: len(answered) >= before + 50, PATIENCE)
    stop.set()
    for client in clients:
        client.join()
    eventually(lambda: set(answered) <= set(world.texts()), PATIENCE)
    records = world.records()
    assert len({record["id"] for record in records}) == len(records)
    said = Counter(record["text"] for record in records if "says" in (record.get("text") or ""))
    assert max(said.values()) == 1
    unknown = [each for each in records if each.get("status") == "unknown"]
    assert len(said) <= len(answered) + 2 * len(clients)
    assert {each.get("text") for each in unknown}.isdisjoint(answered)
