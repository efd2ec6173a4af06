import time

from pgward.ca.store.transaction import (
    AUDIT,
    ENDINGS,
    SNAPSHOT,
    advance,
    advance_version,
    counter,
    versions,
)


def test_counters_advance_by_what_is_asked(store):
    with store.write() as transaction:
        assert advance(transaction.connection, AUDIT, 3) == 3
        assert advance(transaction.connection, AUDIT) == 4


def test_a_version_grows_by_one_and_jumps_to_the_time(store):
    with store.write() as transaction:
        connection = transaction.connection
        advance_version(connection, 0)
        assert counter(connection, SNAPSHOT) == 2
        advance_version(connection, 1000)
        assert counter(connection, SNAPSHOT) == 1000
        advance_version(connection, 1000)
        assert counter(connection, SNAPSHOT) == 1001


def test_a_store_from_a_backup_overtakes_edges_that_know_a_later_version(store):
    before = int(time.time())
    with store.write() as transaction:
        transaction.changed()
    assert store.version() >= before


def test_ended_login_sessions_are_counted_with_a_new_version(store):
    before = store.version()
    with store.write() as transaction:
        transaction.ended()
        transaction.ended()
    with store.read() as connection:
        assert counter(connection, ENDINGS) == 1
    assert store.version() > before


def test_changes_of_grants_are_told_from_all_others(store):
    def told():
        with store.read() as connection:
            return versions(connection)

    def changing(*acts):
        with store.write() as transaction:
            for act in acts:
                getattr(transaction, act)()

    version, rest = told()
    changing("granted")
    assert told()[0] > version
    assert told()[1] == rest
    for acts in (["changed"], ["granted", "changed"], ["ended", "granted"]):
        version, rest = told()
        changing(*acts)
        assert told()[0] > version
        assert told()[1] > rest
    version, rest = told()
    with store.write() as transaction:
        advance_version(transaction.connection, 0)
    assert told() == (version + 1, rest + 1)
