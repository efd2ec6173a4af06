from contextlib import contextmanager

import psycopg
import pytest

from pgward.connector import lock
from pgward.connector.conninfo import application_name
from pgward.connector.lock import HeldError, Holder, judge
from tests.fixtures.waiting import eventually


@pytest.fixture
def pg(database_server):
    """The server that this module's tests share."""
    return database_server


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        (Holder(1, "pgward", application_name("c1"), True), "former"),
        (Holder(1, "pgward", application_name("c2"), True), "other"),
        (Holder(1, "pgward", None, True), "other"),
        (Holder(1, "mallory", application_name("c1"), False), "stranger"),
        (Holder(1, None, None, False), "stranger"),
    ],
)
def test_it_is_known_whose_a_session_is(holder, expected):
    assert judge(holder, "c1") == expected


def test_each_integration_has_a_number_of_its_own():
    numbers = {lock.key(f"db{n}") for n in range(1000)}
    assert len(numbers) == 1000
    assert all(-(2**63) <= each < 2**63 for each in numbers)


@contextmanager
def session(pg, connector=None, user="postgres"):
    name = "psql" if connector is None else application_name(connector)
    with psycopg.connect(
        host=str(pg.socket_dir),
        port=pg.port,
        user=user,
        dbname="postgres",
        autocommit=True,
        application_name=name,
    ) as made:
        yield made


@pytest.mark.integration
def test_the_lock_is_taken_once_and_let_go_of_with_the_session(pg):
    with session(pg, "c1") as first, session(pg, "c2") as second:
        assert [lock.hold(first, "shop-db", "c1") for _ in range(2)] == [(), ()]
        assert lock.hold(second, "other-db", "c2") == ()
        with pytest.raises(HeldError, match=r"pgward connector c1 \(pid \d+\) works this server"):
            lock.hold(second, "shop-db", "c2")
        first.close()
        eventually(lambda: takes(second, "shop-db", "c2"))


def takes(connection, integration, connector):
    try:
        return lock.hold(connection, integration, connector) == ()
    except HeldError:  # PostgreSQL takes a moment to end a session, or to see that it ended
        return False


@pytest.mark.integration
def test_what_a_crash_left_is_ended(pg):
    with session(pg, "c1") as former, session(pg, "c1") as ours:
        lock.hold(former, "crash-db", "c1")
        eventually(lambda: takes(ours, "crash-db", "c1"))
        with pytest.raises(psycopg.OperationalError):
            former.execute("select 1")


@pytest.mark.integration
def test_somebody_elses_lock_keeps_no_right_alive(pg):
    pg.psql('create role "evil\u202e" login')
    with (
        session(pg, user="evil\u202e") as mallory,
        session(pg, "c1") as ours,
    ):
        mallory.execute("select pg_advisory_lock(%s)", (lock.key("lock-db"),))
        (note,) = lock.hold(ours, "lock-db", "c1")
        assert note.startswith("the role evil\\u202e (pid ")
        assert mallory.execute("select 1").fetchone() == (1,)


def test_a_strangers_name_is_shown_in_any_encoding():
    assert [lock._text(each) for each in (None, b"bob", b"caf\xe9")] == [None, "bob", "caf\\xe9"]
