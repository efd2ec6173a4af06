from datetime import timedelta

import pytest

from pgward.ca.log.claims import Purges, Revocations
from pgward.ca.store import log
from pgward.ca.store.log import LogEntry
from pgward.ca.store.log_purge import digest_of
from pgward.pki import merkle
from pgward.pki.log_entry import EntryType, PurgeEntry, RevocationEntry
from tests.fixtures.authority import START

LATER = START + timedelta(hours=1)


@pytest.fixture
def told():
    return []


@pytest.fixture
def add(told):
    return lambda *problem: told.append(problem)


def purge(store, *ranges, digest=None) -> None:
    hashes = [merkle.leaf_hash(b"x")] * sum(end - first for first, end in ranges)
    entry = PurgeEntry(START, START, ranges, digest or digest_of(hashes))
    with store.write() as transaction:
        if log.state(transaction.connection).size == 0:
            log.append(transaction, [LogEntry(EntryType.CERTIFICATE, "ab", b"x")] * 4)
        leaf = LogEntry(EntryType.PURGE, "", entry.encode(), keeps_body=True)
        log.append(transaction, [leaf])


def test_what_was_purged_is_known_by_its_entry(store, told, add):
    purge(store, (0, 1), (2, 4))
    with store.read() as connection:
        found = Purges(connection, add)
    assert [found.of(index) for index in range(5)] == [4, None, 4, 4, None]
    assert told == []


def test_a_purge_of_other_entries_is_told(store, told, add):
    purge(store, (0, 2), digest=bytes(32))
    with store.read() as connection:
        Purges(connection, add)
    what = "it says what was purged, and these entries are other ones now"
    assert told == [("log_leaves", 4, what)]


def leaf(index, serial, reason="superseded", time=START) -> dict[str, object]:
    body = RevocationEntry(time, "user-issuing", serial, reason).encode()
    return {"log_index": index, "body": body, "hash": merkle.leaf_hash(body)}


def test_the_last_revocation_counts(ledger, told, add):
    found = Revocations(add)
    serial = ledger.serials[3]
    found.add(leaf(20, serial, reason="key_compromise"))
    found.add(leaf(21, serial, time=ledger.row(3)["revoked_at"]))
    with ledger.store.read() as connection:
        found.check_rows(connection, Purges(connection, add))
    assert told == []


def test_a_revoked_row_that_was_deleted_is_told(ledger, told, add):
    found = Revocations(add)
    serial = ledger.serials[3]
    found.add(leaf(20, serial, time=ledger.row(3)["revoked_at"]))
    found.add(leaf(21, "ff", time=LATER))
    with ledger.store.read() as connection:
        found.check_rows(connection, Purges(connection, add))
    what = "the revoked row was deleted: entry 21 of the log revoked it at 2026-11-21T13:00:00Z"
    assert told == [("certificates", "ff", what)]


def test_bytes_that_are_no_entry_are_told(add, told):
    body = b"nonsense, of some length"
    value = {"log_index": 7, "body": body, "hash": merkle.leaf_hash(body)}
    Revocations(add).add(value)
    assert told == [("log_leaves", 7, "a log entry of version 110")]
