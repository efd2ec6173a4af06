"""A connector on a real server, by a CA that a test plays: made in time, and ended in time."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pgward.connector.executing import reconcile
from pgward.connector.serving import Connector
from pgward.core.errors import UnavailableError
from pgward.system.postgres import Cluster
from tests.fixtures.connectors import answer, grant_fields, integration_fields
from tests.fixtures.waiting import eventually

READ = {
    "database": "shop",
    "kind": "table",
    "schema": "public",
    "name": "*",
    "privileges": ["SELECT"],
    "future": False,
}
USE = {**READ, "kind": "schema", "schema": "", "name": "public", "privileges": ["USAGE"]}


class Ca:
    """A CA that tells of one integration; ``away`` and it does not answer."""

    def __init__(self, cluster: Cluster) -> None:
        self._place = {
            "host": str(cluster.socket_dir),
            "port": cluster.port,
            "user": "pgward_connector",
            "reassign_to": "app",
        }
        self._news = threading.Condition()
        self._reply: dict[str, Any] = {}
        self._version = 0
        self.away = False
        self.reports: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def want(
        self,
        *grants: dict[str, Any],
        ending: tuple[dict[str, str], ...] = (),
        questions: tuple[dict[str, Any], ...] = (),
        check: str | None = None,
    ) -> None:
        """Want these from now on."""
        with self._news:
            self._version += 1
            self._reply = integration_fields(*grants, ending=ending, **self._place)
            self._reply["questions"] = list(questions)
            self._reply["check"] = check
            self._news.notify_all()

    def call(self, _method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Hear what is not a report, as a machine's identity tells it."""
        self.calls.append((path, body))
        return {}

    def renew_if_due(self) -> bool:
        return False

    def wanted(self, after: int, _tag: str | None, wait: float) -> dict[str, Any]:
        with self._news:
            if not self.away and after == self._version:
                self._news.wait(min(wait, 0.5))
            if self.away:
                raise UnavailableError("the CA is away")
            if after == self._version:
                return {}
            return answer(self._reply, version=self._version, now=datetime.now(UTC))

    def report(self, report: dict[str, Any]) -> None:
        if self.away:
            raise UnavailableError("the CA is away")
        self.reports.append(report)

    def states(self) -> list[tuple[str, str]]:
        return [(each["id"], each["state"]) for one in self.reports for each in one["grants"]]


@pytest.fixture
def shop(pg: Cluster) -> Cluster:
    """A server with a database of an application, and the connector's account."""
    pg.psql("create role app")
    pg.psql("create role pgward_connector login createrole")
    pg.psql("create database shop owner app")
    options = " with inherit true, set true" if pg.version >= 16 else ""
    pg.psql(f"grant app to pgward_connector{options}")
    with owner(pg) as connection:
        connection.execute("set role app; create table orders (id int)")
    return pg


def owner(cluster: Cluster) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=str(cluster.socket_dir),
        port=cluster.port,
        user="postgres",
        dbname="shop",
        autocommit=True,
    )


def person(cluster: Cluster) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=str(cluster.socket_dir), port=cluster.port, user="alice", dbname="shop"
    )


def roles(cluster: Cluster) -> str:
    return cluster.psql("select string_agg(rolname, ' ' order by rolname) from pg_roles"
                        " where rolname !~ '^pg_'")  # fmt: skip


def until(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def grant(ends: datetime, name: str = "g1") -> dict[str, Any]:
    return grant_fields(name, until=ends, objects=[READ, USE]) | {"until": ends.isoformat()}


@pytest.fixture
def ca(shop: Cluster) -> Ca:
    return Ca(shop)


Start = Callable[[], Connector]


@pytest.fixture
def start(tmp_path: Path, ca: Ca) -> Iterator[Start]:
    """Return what starts a connector in the same directory, each time another."""
    made: list[Connector] = []

    def begin() -> Connector:
        paths = SimpleNamespace(ca=tmp_path / "ca.crt")
        machine: Any = SimpleNamespace(name="c1", paths=paths, call=ca.call)
        played: Any = ca
        made.append(Connector(tmp_path, machine, reconcile, ca=played))
        made[-1].start()
        return made[-1]

    yield begin
    for each in made:
        each.close()


def ended_after(session: psycopg.Connection[Any], ends: datetime) -> float:
    """Wait for the end of a session; return how many seconds after ``ends`` it came."""
    with pytest.raises(psycopg.OperationalError):
        session.execute("select pg_sleep(60)")
    return (datetime.now(UTC) - ends).total_seconds()


@pytest.mark.soak
def test_a_person_gets_in_until_the_second_when_it_ends(
    shop: Cluster, ca: Ca, start: Start
) -> None:
    before = roles(shop)
    ends = until(4)
    ca.want(grant(ends))
    start()
    eventually(lambda: ca.states() == [("g1", "active")])
    with person(shop) as session:
        assert session.execute("select * from orders").fetchall() == []
        late = ended_after(session, ends)
    assert -0.1 <= late < 2.0
    eventually(lambda: ("g1", "ended") in ca.states())
    assert roles(shop) == before
    statements = [each["sql"] for one in ca.reports for each in one["statements"]]
    assert any("CREATE ROLE" in each.upper() for each in statements)


def test_what_is_revoked_ends_at_once(shop: Cluster, ca: Ca, start: Start) -> None:
    ca.want(grant(until(600)))
    start()
    eventually(lambda: ca.states() == [("g1", "active")])
    with person(shop) as session:
        session.execute("select 1")
        now = datetime.now(UTC)
        ca.want(ending=({"id": "g1", "role": "alice"},))
        assert ended_after(session, now) < 2.0
    eventually(lambda: ca.states() == [("g1", "active"), ("g1", "ended")])


def test_a_plan_that_somebody_wants_is_told_and_nothing_is_done(
    shop: Cluster, ca: Ca, start: Start
) -> None:
    before = roles(shop)
    question = {"request": "ab", "number": "1", "bundles": {}, "grant": grant(until(600))}
    ca.want(questions=(question,))
    start()
    eventually(lambda: ca.calls)
    path, told = ca.calls[0]
    assert (path, told["number"], told["failure"]) == ("/v1/connector/plan", "1", None)
    assert told["statements"][-1] == {
        "database": "shop",
        "sql": 'GRANT SELECT ON TABLE "public"."orders" TO "alice";',
    }
    assert (told["problems"], roles(shop)) == ([], before)
    ca.want(check="ab12")
    eventually(lambda: ca.calls[1:])
    path, told = ca.calls[1]
    assert (path, told["number"]) == ("/v1/connector/check", "ab12")
    found = {each["check"]: each["verdict"] for each in told["findings"]}
    assert found == {"connection": "ok", "tls": "ok", "rights": "ok", "reassignTo": "ok"}


@pytest.mark.soak
def test_without_the_authority_a_connector_that_begins_anew_ends_it_all_the_same(
    shop: Cluster, ca: Ca, start: Start
) -> None:
    before = roles(shop)
    ends = until(5)
    ca.want(grant(ends), grant(until(600), "g2") | {"person": "bob", "role": "bob"})
    first = start()
    eventually(lambda: sorted(ca.states()) == [("g1", "active"), ("g2", "active")])
    with person(shop) as session:
        session.execute("select 1")
        ca.away = True
        first.close()
        assert "alice" in roles(shop)
        start()
        assert ended_after(session, ends) < 3.0
    eventually(lambda: "alice" not in roles(shop))
    assert roles(shop) == f"app bob {before.removeprefix('app ')}"
    ca.away = False
    eventually(lambda: ("g1", "ended") in ca.states())


@pytest.mark.soak
def test_a_server_that_was_restarted_is_worked_again_within_seconds(
    shop: Cluster, ca: Ca, start: Start
) -> None:
    ends = until(3)
    ca.want(grant(ends))
    connector = start()
    eventually(lambda: ca.states() == [("g1", "active")])
    shop.stop()
    eventually(lambda: datetime.now(UTC) > ends)
    shop.start()
    began = time.monotonic()
    eventually(lambda: ("g1", "ended") in ca.states())
    assert time.monotonic() - began < 5
    assert connector.report().ok


@pytest.mark.soak
def test_nobody_delays_their_end_by_a_lock(shop: Cluster, ca: Ca, start: Start) -> None:
    ends = until(4)
    ca.want(grant(ends))
    connector = start()
    eventually(lambda: ca.states() == [("g1", "active")])
    with person(shop) as session:
        session.execute("alter role alice password 'x'")  # not committed
        assert ended_after(session, ends) < 5.0
    eventually(lambda: ("g1", "ended") in ca.states())
    eventually(lambda: "alice" not in roles(shop))
    assert connector.report().ok


@pytest.mark.soak
def test_a_turn_that_somebody_else_delays_makes_room_for_an_end(
    shop: Cluster, ca: Ca, start: Start
) -> None:
    ends = until(6)
    ca.want(grant(ends))
    connector = start()
    eventually(lambda: ca.states() == [("g1", "active")])
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.5):
            for keeper in connector._all():
                keeper.look()

    ticking = threading.Thread(target=tick)
    ticking.start()
    with person(shop) as session, owner(shop) as other:
        session.execute("select 1")
        with other.transaction():
            other.execute("revoke all on orders from public; grant select on orders to public")
            ca.want(grant(ends), grant(until(600), "g2") | {"person": "bob", "role": "bob"})
            assert ended_after(session, ends) < 5.0
    eventually(lambda: ("g2", "active") in ca.states())
    done.set()
    ticking.join()
