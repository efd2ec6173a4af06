"""The store on PostgreSQL when things go wrong: lost connections, a server that goes and comes."""

import re
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca import timekeeping
from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.store import compromised, listing, marks, seats
from pgward.ca.store.leadership import Leadership, NotLeadingError
from pgward.ca.store.listing import Search
from pgward.ca.store.marks import MarkedError
from pgward.ca.store.pulse import Pulse
from pgward.ca.store.schema import certificates
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError, InvalidInputError, UnavailableError
from tests.fixtures import many
from tests.fixtures.authority import START
from tests.fixtures.database import new_database
from tests.fixtures.replicas import until

pytestmark = pytest.mark.integration

_END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgward-ca'"
)


@pytest.fixture
def store(database_url):
    """Replaces the SQLite store."""
    made = stores.create(database_url)
    yield made
    made.close()


@pytest.fixture
def lead(store):
    """Make contenders for the lead; all end with the test."""
    made = []

    def contender(name, clock=None, pulse=None, **options):
        seat = seats.seat(store.engine.url, pulse, clock)
        made.append(Leadership(store, seat, name, SystemClock(), **options))
        return made[-1]

    yield contender
    for each in made:
        each.stop()


def add(transaction, name):
    directory.add(transaction, NewUser(name), now=START, by="test")


def names(store):
    with store.read() as connection:
        return [user.name for user in directory.everyone(connection)]


def setting(store, name):
    with store.read() as connection:
        return connection.exec_driver_sql(f"SHOW {name}").scalar_one()


def test_what_was_answered_is_on_the_disk_whatever_the_servers_default(
    database_server, database_url
):
    name = database_url.partition("@/")[2].partition("?")[0]
    database_server.psql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    store = stores.create(database_url)
    assert setting(store, "synchronous_commit") == "on"
    assert setting(store, "idle_in_transaction_session_timeout") == "1min"
    assert setting(store, "statement_timeout") == "20s"
    store.close()


def test_a_writer_sees_what_the_one_did_for_whom_it_waited_whatever_the_servers_default(
    database_server, database_url
):
    name = database_url.partition("@/")[2].partition("?")[0]
    database_server.psql(f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    stores.create(database_url).close()
    first, second = (stores.open_store(database_url) for _ in range(2))
    seen = []

    def follow():
        with second.write() as transaction:
            seen.append(directory.find(transaction.connection, "alice").name)

    with first.write() as transaction:
        follower = threading.Thread(target=follow)
        follower.start()
        until(lambda: database_server.psql(_WAITING) == "1")
        directory.add(transaction, NewUser("alice"), now=START, by="test")
    follower.join(20)
    for store in (first, second):
        store.close()
    assert seen == ["alice"]


_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_of_several_hosts_the_one_that_takes_writes_is_found(
    database_server, database_url, tmp_path
):
    name = database_url.partition("@/")[2].partition("?")[0]
    away, here = f"{tmp_path}:5432", f"{database_server.socket_dir}:{database_server.port}"
    stores.create(f"postgresql://postgres@/{name}?host={away}&host={here}").close()
    database_server.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(UnavailableError, match="unavailable: it is read-only") as caught:
        stores.open_store(database_url)
    assert caught.value.hint.startswith("it is a standby, perhaps: name all hosts in the URL")
    assert "session is read-only" in caught.value.hint


def test_a_connection_lost_before_the_first_word_costs_no_change(store, database_server):
    """The ping finds a dead connection; one that dies right after it is replaced as well."""

    left = [_END_ALL]

    def end_after_ping(*_):
        if left:
            database_server.psql(left.pop())

    names(store)
    sa.event.listen(store.engine, "checkout", end_after_ping)
    with store.write() as transaction:
        add(transaction, "alice")
    assert names(store) == ["alice"]


def test_a_connection_lost_within_a_change_changes_nothing(store, database_server):
    def change():
        with store.write() as transaction:
            add(transaction, "alice")
            database_server.psql(_END_ALL)
            add(transaction, "bob")

    with pytest.raises(UnavailableError, match="does not answer"):
        change()
    assert names(store) == []


def test_a_connection_lost_at_the_commit_is_told_as_what_it_is(store, database_server):
    def change():
        with store.write() as transaction:
            marks.put(transaction.connection, "test", "x")
            database_server.psql(_END_ALL)

    with pytest.raises(UnavailableError, match="lost while a change was committed") as caught:
        change()
    assert "look whether it was made" in caught.value.hint
    with store.read() as connection:
        assert marks.get(connection, "test") is None


def test_a_writer_that_stands_still_does_not_stop_the_others_for_ever(store):
    """Its transaction is ended by the server, with the writers' lock."""
    with store.engine.connect() as still:
        still.exec_driver_sql("SET idle_in_transaction_session_timeout = '100ms'")
        still.execute(sa.text(f"SELECT pg_advisory_xact_lock({0x70677761_7264})"))
        with store.write() as transaction:
            add(transaction, "alice")
        still.invalidate()
    assert names(store) == ["alice"]


def test_one_leads_and_another_follows_when_its_session_is_cut(lead, database_server):
    one, two = lead("a:1"), lead("b:1")
    one.start()
    two.start()
    assert (one.is_leader(), two.is_leader()) == (True, False)
    # Stands still, so that only the other one can look again.
    one._stopping.set()
    one._seat.wake()
    one._thread.join()
    database_server.psql(_END_ALL)
    until(two.is_leader)
    assert one.is_leader()
    with pytest.raises(NotLeadingError), one.write():
        pass


def test_the_next_leads_at_once_when_the_leader_stops(lead):
    one, two = lead("a:1"), lead("b:1")
    one.start()
    two.start()
    one.stop()
    until(two.is_leader)


class Off:
    """A clock that is so many seconds ahead."""

    def __init__(self, seconds):
        self.seconds = seconds

    def now(self):
        return SystemClock().now() + timedelta(seconds=self.seconds)


@pytest.mark.parametrize("off", [3600, -3600])
def test_whose_clock_alone_differs_from_the_databases_does_not_lead(lead, off, caplog, store):
    clock, felt = Off(off), Pulse()
    one, two = lead("a:1", clock, felt), lead("b:1")
    one.look()
    assert one.is_leader()  # nobody is there to say who of both is wrong
    two.look()
    one.look()
    two.look()
    assert (one.is_leader(), two.is_leader()) == (False, True)
    assert felt.clock.is_odd
    side = "ahead of" if off > 0 else "behind"
    assert f"clock is 3600 s {side} the database's; another replica's is not" in caplog.text
    store.pulse = felt
    with pytest.raises(UnavailableError, match="this machine's clock differs"):
        timekeeping.check(store, clock.now())
    clock.seconds = 0
    one.look()
    assert not felt.clock.is_odd
    timekeeping.check(store, clock.now())
    two.stop()
    one.look()
    assert one.is_leader()


def test_a_change_wakes_the_other_replicas(lead, database_url):
    heard = threading.Event()
    other = stores.open_store(database_url)
    waiting = lead("b:1", on_news=heard.set)
    waiting.start()
    with other.write() as transaction:
        marks.put(transaction.connection, "test", "x")
    assert not heard.wait(0.1)
    began = time.monotonic()
    with other.write() as transaction:
        transaction.changed()
    assert heard.wait(5)
    assert time.monotonic() - began < 1
    other.close()


def test_movers_keep_away_from_a_store_that_is_served(lead, store):
    url = store.engine.url
    one = lead("a:1")
    one.start()
    with pytest.raises(ConflictError, match="another pgward process"), seats.alone(url):
        pass
    one.stop()
    # Its session is gone, its other connections are not: it may be on its way back.
    names(store)
    with pytest.raises(ConflictError, match="another pgward process"), seats.alone(url):
        pass
    store.close()
    with seats.alone(url), pytest.raises(ConflictError, match="another pgward process"):
        lead("b:1").start()
    with store.write() as transaction:
        marks.put(transaction.connection, marks.MOVED, "elsewhere")
    with pytest.raises(MarkedError, match="moved from here to elsewhere"):
        lead("c:1").start()


@pytest.fixture
def own_server(pg):
    return pg


def test_a_server_that_goes_and_comes_is_lived_through(own_server):
    url = new_database(own_server)
    store = stores.create(url)
    one = Leadership(store, seats.seat(store.engine.url), "a:1", SystemClock())
    one.start()
    try:
        own_server.stop()
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="does not answer") as caught:
            names(store)
        with pytest.raises(UnavailableError, match="does not answer"), store.write() as writing:
            add(writing, "alice")
        assert time.monotonic() - began < 5
        assert "nothing was changed" in caught.value.hint
        until(lambda: not one.is_leader())
        own_server.start()
        with store.write() as transaction:
            add(transaction, "alice")
        assert names(store) == ["alice"]
        until(one.is_leader)
    finally:
        one.stop()
        store.close()


def test_a_database_that_cannot_hold_every_name_is_refused(database_server):
    database_server.psql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    url = re.sub(r"ca_\w+", "ascii", new_database(database_server))
    with pytest.raises(
        InvalidInputError, match="encoding is SQL_ASCII, and must be UTF8"
    ) as caught:
        stores.create(url)
    assert "ENCODING 'UTF8'" in (caught.value.hint or "")


def test_a_certificate_is_found_by_what_is_random(store):
    many.fill(store, 3, users=2, end=START)
    with store.read() as connection:
        row = connection.execute(sa.select(certificates)).mappings().first()
        assert listing.one(connection, row["fingerprint"]) == row
        wanted = Search(START, key_sha256=row["key_sha256"])
        found = listing.page(connection, wanted, limit=10).rows
        assert [each["serial"] for each in found] == [row["serial"]]
        assert listing.one(connection, "00" * 32) is None
        assert compromised.known(connection, [row["key_sha256"]]) == set()
