"""What an older store holds is in the log after the migration, in the order of its time."""

import hashlib
from datetime import timedelta

import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca.store import log, log_entries
from pgward.ca.store.log import LogEntry
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_leaves
from pgward.pki import merkle
from tests.fixtures import old_store, released
from tests.fixtures.authority import START


def check(url: str, count: int) -> None:
    """Migrate a store with many certificates, and see that its log is what appending makes."""
    rows = [old_store.certificate(number) for number in range(1, count)]
    rows.append(old_store.revoked(count, 9))
    rows.append(old_store.revoked(count + 1, 7, der=None))
    old_store.write(url, rows)
    store = stores.open_store(url)
    try:
        with store.read() as connection:
            _check(connection, count)
        with store.write() as transaction:
            assert log.append(transaction, [LogEntry(2, "ff", b"next")]) == count + 2
    finally:
        store.close()


def _check(connection: sa.Connection, count: int) -> None:
    issued = connection.execute(
        sa.select(certificates).where(certificates.c.log_index.is_not(None)).order_by("log_index")
    )
    expected = []
    for index, row in enumerate(issued.mappings()):
        assert row["serial"] == f"{count - index:x}"
        assert row["fingerprint"] == hashlib.sha256(row["der"]).hexdigest()
        expected.append(log_entries.certificate(row, row["der"]).encoded)
    assert len(expected) == count
    for number, minutes in ((count + 1, 7), (count, 9)):
        at = START + timedelta(minutes=minutes)
        entry = log_entries.revocation(f"{number:x}", "user-issuing", at, "superseded")
        expected.append(entry.encoded)
    hashes = [merkle.leaf_hash(each) for each in expected]
    state = log.state(connection)
    assert (state.size, state.root) == (count + 2, merkle.root_of(hashes))
    rows = connection.execute(sa.select(log_leaves).order_by("log_index")).all()
    assert [row.hash for row in rows] == hashes
    assert [row.body for row in rows] == [None] * count + expected[-2:]
    proof = log.inclusion(connection, [3], state.size)[0]
    merkle.check_inclusion(hashes[3], 3, state.size, proof, state.root)
    assert released.differences(connection) == []


def test_an_older_stores_certificates_are_in_the_log(tmp_path):
    check(f"sqlite:///{tmp_path / 'ca.db'}", 1203)


def test_an_older_store_without_certificates_has_an_empty_log(tmp_path):
    url = f"sqlite:///{tmp_path / 'ca.db'}"
    old_store.write(url, [])
    store = stores.open_store(url)
    with store.read() as connection:
        assert log.state(connection).size == 0
    store.close()
