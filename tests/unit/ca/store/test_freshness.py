import pytest

from pgward.ca.store import Store, engine
from pgward.ca.store.freshness import Freshness


class Ticks:
    """A monotonic clock that a test can move."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def fresh(store, ticks):
    return Freshness(store, monotonic=ticks)


def change(store):
    with store.write() as transaction:
        transaction.changed()


def test_the_store_is_asked_once_a_second(store, fresh, ticks):
    assert fresh.known() is None
    version = fresh.version()
    assert version == store.version()
    ticks.now += 0.9
    assert fresh.known() == version
    ticks.now += 0.2
    assert fresh.known() is None


def test_what_this_process_commits_counts_at_once(store, fresh):
    before = fresh.version()
    change(store)
    assert fresh.known() is None
    assert fresh.version() == store.version() > before
    assert fresh.known() == store.version()


def test_what_changes_nothing_for_edges_is_not_looked_at(store, fresh):
    version = fresh.version()
    with store.write():
        pass
    assert fresh.known() == version


def test_what_another_process_commits_counts_within_a_second(store, fresh, ticks):
    before = fresh.version()
    other = Store(engine.make_engine(store.engine.url))
    change(other)
    other.close()
    assert fresh.known() == before
    ticks.now += 1
    assert fresh.version() > before


def test_a_commit_during_the_look_is_not_missed(store, fresh, monkeypatch):
    look = store.version

    def slow():
        found = look()
        change(store)
        return found

    monkeypatch.setattr(store, "version", slow)
    stale = fresh.version()
    assert fresh.known() is None
    monkeypatch.undo()
    assert fresh.version() > stale
