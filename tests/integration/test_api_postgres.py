"""The store on PostgreSQL, with two replicas of the authority's service on it."""

import threading
import uuid
from datetime import timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pgward.audit.events import AuditEvent
from pgward.ca import store as stores
from pgward.ca.archive import chains, sessions
from pgward.ca.archive.sessions import Owner, SessionFilter
from pgward.ca.identity import directory, tokens
from pgward.ca.identity.directory import NewUser
from pgward.ca.identity.tokens import JoinToken
from pgward.ca.recordings import keys, places
from pgward.ca.reviews.viewing import Viewer
from pgward.ca.service.app import create_app
from pgward.ca.store import audit, audit_searching
from pgward.ca.store.audit_searching import EventFilter
from pgward.ca.store.purge import purge
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_archive import database_sessions
from pgward.core.errors import ConflictError, NotFoundError, UnavailableError
from pgward.system.postgres import temporary_cluster
from tests.fixtures.access_world import SERVICE
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER, URL, Api, service
from tests.fixtures.chunks import Teller, at, record
from tests.fixtures.in_process import InProcess
from tests.fixtures.recordings import SESSION, end, parcel_of, start
from tests.unit.ca.store import test_migrate_log

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def cluster():
    with temporary_cluster() as running:
        yield running


@pytest.fixture
def url(cluster):
    name = f"ca_{uuid.uuid4().hex[:12]}"
    cluster.psql(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={cluster.socket_dir}&port={cluster.port}"


@pytest.fixture
def store(url):
    """Replaces the SQLite store for everything that is built on it here."""
    made = stores.create(url)
    yield made
    made.close()


def test_the_tables_are_those_of_the_schema(store, url):
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    with pytest.raises(ConflictError, match="holds a store already"):
        stores.create(url)


def test_an_older_stores_certificates_are_in_the_log(url):
    test_migrate_log.check(url, 1203)


def test_an_empty_or_absent_database_is_told(url):
    with pytest.raises(NotFoundError, match="holds no store"):
        stores.open_store(url)
    with pytest.raises(UnavailableError):
        stores.open_store("postgresql://postgres@127.0.0.1:1/x")


def test_writers_of_two_replicas_take_turns_and_number_events_without_gaps(store, url):
    other = stores.open_store(url)

    def write(which, prefix):
        for number in range(20):
            with which.write() as transaction:
                new = NewUser(f"{prefix}{number}")
                directory.add(transaction, new, now=START, by="test")
                transaction.record(AuditEvent.make(time=START, actor="a", action="b"))

    threads = [
        threading.Thread(target=write, args=(which, f"{prefix}{turn}x"))
        for turn in range(2)
        for which, prefix in ((store, "a"), (other, "b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    with store.read() as connection:
        assert len(directory.everyone(connection)) == 80
        found = audit.events(connection, after=0, limit=1000)
    assert [event["seq"] for event in found] == list(range(1, 81))


def test_two_administrators_cannot_demote_each_other_at_once(store, url):
    other = stores.open_store(url)
    with store.write() as transaction:
        for name in ("a", "b"):
            new = NewUser(name, groups=[directory.ADMINISTRATORS])
            directory.add(transaction, new, now=START, by="test")
    start, refused = threading.Barrier(2), []

    def demote(which, name):
        start.wait()
        try:
            with which.write() as transaction:
                directory.update(transaction, name, groups=[])
        except ConflictError as error:
            refused.append(error.message)

    threads = [threading.Thread(target=demote, args=pair) for pair in ((store, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(refused) == 1


def test_of_two_reviewers_at_once_whoever_ends_wins(store, access, campaign):
    allow = {"users": ["ann", "sam"], "groups": ["engineers"]}
    access.put("Service", "shop", SERVICE | {"allow": allow})
    campaign.start(paths=("allow",))
    start, refused = threading.Barrier(2), []

    def decide(who, verb):
        start.wait()
        for number in (1, 2, 3):
            try:
                campaign.decide(who, verb, number)
            except ConflictError as error:
                refused.append(error.message)

    threads = [
        threading.Thread(target=decide, args=pair)
        for pair in (("olga", "confirm"), ("tess", "end"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.state for each in campaign.items()] == ["ended"] * 3
    assert set(refused) <= {f"right {number} was ended by tess" for number in (1, 2, 3)}
    assert campaign.spec("Service", "shop")["allow"] == {"users": [], "groups": []}
    with store.read() as connection:
        viewer = Viewer(connection, directory.get(connection, "adam"), access.clock.now())
        assert viewer.counts(viewer.one("q4"))["ended"] == 3


def test_a_revocation_at_one_replica_reaches_an_edge_at_the_other(  # noqa: PLR0917 - fixtures
    sql_authority, store, url, clock, passwords, log_key
):
    """Everything else as well: login, certificate, service, snapshot on PostgreSQL."""
    second = stores.open_store(url)
    with (
        InProcess(
            create_app(sql_authority, store, log_key=log_key, sealer=SEALER, passwords=passwords),
            base_url=URL,
        ) as one,
        InProcess(
            create_app(sql_authority, second, log_key=log_key, sealer=SEALER, passwords=passwords),
            base_url=URL,
        ) as two,
    ):
        first = Api(one, clock, store, passwords)
        first.add("root", directory.ADMINISTRATORS)
        first.add("alice", "dba")
        admin, alice = first.device("root"), first.device("alice")
        alice.certificate()
        edge, host = first.machine(admin, "edge", "e1"), first.machine(admin, "host", "db1")
        assert admin.call("PUT", "/v1/resources/Service/orders", service()).status_code == 200
        known = host.call("GET", "/v1/host/news").json()
        edge.api = host.api = Api(two, clock, second, passwords)
        version = store.version()
        waiting = threading.Timer(
            0.2, lambda: admin.call("POST", "/v1/users/alice/block", {"reason": "x"})
        )
        waiting.start()
        answer = edge.call("GET", f"/v1/edge/snapshot?after={version}&wait=10")
        asked = f"?after={known['version']}&tag={known['tag']}&wait=10"
        heard = host.call("GET", "/v1/host/news", query=asked).json()
        waiting.join()
        assert answer.status_code == 200
        assert heard["parts"]["endings"] > known["parts"]["endings"]
        assert alice.call("GET", "/v1/me").status_code == 401
    second.close()


def test_what_ended_long_ago_is_removed_by_two_replicas_at_once(store, url):
    other = stores.open_store(url)
    edge = JoinToken.checked("edge", "e1", [], [])
    with store.write() as transaction:
        for _ in range(30):
            tokens.create(transaction, edge, lifetime=timedelta(hours=1), now=START, by="root")
    removed, later = [], START + timedelta(days=30)

    def remove(which):
        while number := purge(which, later, batch=4):
            removed.append(number)

    threads = [threading.Thread(target=remove, args=(which,)) for which in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sum(removed) == 30


def test_an_edge_delivers_what_sessions_said(store, edge):
    teller = Teller(edge)
    teller.tell(record(1, type="SESSION_START"), record(2, rows=10**30))
    with store.write() as transaction:
        transaction.execute(sa.update(database_sessions).values(row_count=(1 << 63) - 1))
    teller.tell(record(3, rows=1), record(4, session="s2"))
    teller.tell(record(5, type="SESSION_END", reason="idle"))
    lost, behind = teller.pack(record(6)), teller.pack(record(7, type="SESSION_END"))
    assert lost.first_seq == 6
    assert teller.put(behind)[1]["reason"] == "gap"
    assert teller.put(behind, **{"Pgward-Missing": "6-6"})[0] == 200
    with store.read() as connection:
        second, first = sessions.find(connection, SessionFilter())
        (chain,) = chains.every(connection)
    assert (first["statements"], first["rows"], first["end_reason"]) == (2, (1 << 63) - 1, "idle")
    assert (first["started_at"], first["ended_at"]) == (at(1), at(5))
    assert (second["id"], second["statements"]) == ("s2", 1)
    assert (chain["first_seq"], chain["head_seq"], chain["gaps"]) == (1, 7, [[6, 6]])


def test_a_killed_backend_costs_no_request(store, cluster):
    with store.read() as connection:
        assert directory.everyone(connection) == []
    cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'ca_%'")
    with store.read() as connection:
        assert directory.everyone(connection) == []


def test_a_recording_is_played(store, edge, clock):
    recipient = keys.ensure(store, SEALER, clock)
    data = parcel_of([start(1, recipient=recipient)], [record(2)], [end(9)])
    digest = sha256(data).hexdigest()
    assert edge.put_content(f"/v1/edges/self/recordings/{digest}", data, {})[0] == 200
    Teller(edge).tell(start(1), record(2, rows=7), record(3, status="error"))
    with store.read() as connection:
        bars = places.bars(connection, "e1", SESSION)
        assert [(each.events, each.after) for each in bars] == [(1, 0), (1, 1), (1, 2)]
        assert places.began(connection, "e1", SESSION) == START + timedelta(seconds=1)
        assert places.at(connection, "e1", SESSION, START + timedelta(seconds=8)) == 1
        assert places.before(connection, "e1", SESSION, 2, 1) == 1
        wanted = SessionFilter(
            open=True, recorded=True, errors=True, denied=False, about="HOP",
            owner=Owner("alice", START),
        )  # fmt: skip
        (found,) = sessions.find(connection, wanted)
    assert found["lately"].counts == (2, 8, 33)


def test_what_happened_is_found_and_counted(store, app, admin, edge):
    Teller(edge).tell(start(1), record(2), record(3, status="error"))
    admin.call("POST", "/v1/users", {"name": "dora", "full_name": 'Dörte "D" 100%'})
    admin.call("POST", "/v1/users", {"name": "dora"})

    def get(path):
        answer = admin.call("GET", f"/v1/audit/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    for query in ("outcome=failed", "contains=DORA&since=2026-01-01T00:00:00Z", "action=user.*"):
        assert get(f"events?{query}")["events"][0]["target"] == "dora"
    first = get("events?action=user.add&target=dora&limit=1")
    rest = get(f"events?action=user.add&target=dora&cursor={first['cursor']}")
    assert [each["outcome"] for each in first["events"] + rest["events"]] == ["failed", "ok"]
    assert get("events/facets?target=dora")["values"]["outcome"] == [["failed", 1], ["ok", 1]]
    for unit in ("hour", "day"):
        now = get(f"numbers?by={unit}&number=2")["numbers"][1]
        assert (now["logins"], now["sessions"], now["statements"], now["errors"]) == (1, 1, 2, 1)
    with store.read() as connection:
        assert audit_searching.page(connection, EventFilter(contains="é"), scan=1).events == []
    saved = admin.call("PUT", "/v1/audit/searches/x", {"page": "events", "query": "a=b"})
    assert saved.status_code == 200, saved.text
    app.state.context.archive.verifying.begin("root")
    app.state.context.archive.verifying.wait()
    (check,) = get("checks")["checks"]
    assert (check["trouble"], check["problems"], check["lines"]) == (None, 0, 3)
