import threading

import pytest
import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.store import audit, open_store
from pgward.core.errors import UnavailableError
from tests.fixtures.authority import START


def _add(transaction, name):
    directory.add(transaction, NewUser(name), now=START, by="test")


def _names(store):
    with store.read() as connection:
        return [user.name for user in directory.everyone(connection)]


def test_a_transaction_is_whole_or_nothing_with_its_events(store):
    event = AuditEvent.make(time=START, actor="a", action="b")

    def fail():
        with store.write() as transaction:
            _add(transaction, "alice")
            transaction.record(event)
            transaction.changed()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _names(store) == []
    assert store.version() == 1
    with store.write() as transaction:
        _add(transaction, "alice")
        transaction.record(event)
    with store.read() as connection:
        assert [found["id"] for found in audit.events(connection)] == [event.id]


def test_writing_inside_writing_joins_it(store):
    def fail():
        with store.write() as outer:
            with store.write() as inner:
                assert inner is outer
                _add(inner, "alice")
            with store.read() as connection:
                assert directory.find(connection, "alice") is not None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _names(store) == []


def test_a_discarded_transaction_leaves_nothing(store):
    heard = []
    store.on_change(lambda: heard.append(1))
    with store.write() as transaction:
        _add(transaction, "alice")
        transaction.changed()
        transaction.discard()
    assert (_names(store), heard) == ([], [])


def test_changes_are_told_after_the_commit_and_raise_the_version(store):
    heard = []
    stop = store.on_change(lambda: heard.append(store.version()))
    before = store.version()
    with store.write() as transaction:
        transaction.changed()
        assert heard == []
    assert heard == [store.version()]
    assert store.version() > before
    stop()
    with store.write() as transaction:
        transaction.changed()
    assert len(heard) == 1


def test_many_threads_write_one_after_the_other(store):
    def write(number):
        with store.write() as transaction:
            _add(transaction, f"user{number}")
            transaction.record(AuditEvent.make(time=START, actor="a", action="b"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_names(store)) == 30
    with store.read() as connection:
        assert [event["seq"] for event in audit.events(connection)] == list(range(1, 31))


def test_a_second_process_waits_for_the_first(store):
    """Two stores on one file stand for two processes: SQLite's lock is all they share."""
    other = open_store(store.engine.url.render_as_string())
    entered, order = threading.Event(), []

    def second():
        entered.wait(10)
        with other.write() as transaction:
            _add(transaction, "second")
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.write() as transaction:
        entered.set()
        _add(transaction, "first")
        order.append("first")
    thread.join()
    other.close()
    assert order == ["first", "second"]
    assert _names(store) == ["first", "second"]


def test_a_full_disk_is_told_and_changes_nothing(store):
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def limit(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill():
        with store.write() as transaction:
            _add(transaction, "alice")
            for number in range(2000):
                event = AuditEvent.make(time=START, actor=f"a{number}" * 50, action="b")
                transaction.record(event)

    sa.event.listen(store.engine, "checkout", limit)
    with pytest.raises(UnavailableError, match="its disk is full") as caught:
        fill()
    sa.event.remove(store.engine, "checkout", limit)
    assert "nothing was changed" in (caught.value.hint or "")
    assert _names(store) == []


def test_a_read_only_disk_is_told(store):
    def forbid(connection, _record, _proxy):
        connection.execute("PRAGMA query_only = ON")

    sa.event.listen(store.engine, "checkout", forbid)
    with pytest.raises(UnavailableError, match="its disk is read-only"), store.write() as writing:
        _add(writing, "alice")


def test_each_connection_is_vouched_for_before_its_first_use(store):
    seen = []
    store.engine.dispose()
    store.vouch = lambda connection: seen.append(connection.exec_driver_sql("SELECT 7").scalar())
    for _ in range(2):
        store.version()
        with store.write() as transaction:
            transaction.changed()
    assert seen == [7]
    store.engine.dispose()

    def refuse(_connection):
        raise UnavailableError("it went back in time")

    store.vouch = refuse
    for _ in range(2):
        with pytest.raises(UnavailableError, match="back in time"):
            store.version()
        with pytest.raises(UnavailableError, match="back in time"), store.write():
            pass
