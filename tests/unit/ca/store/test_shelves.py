from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from pgward.ca.store import log, shelves
from pgward.ca.store.log import LogEntry
from pgward.ca.store.schema import certificates
from pgward.pki.log_entry import EntryType
from tests.fixtures import many

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHELF = 1 << shelves._BITS


def found(store, column, value) -> list[int]:
    wanted = shelves.holds(certificates, column, value)
    statement = sa.select(certificates.c.log_index).where(wanted)
    with store.read() as connection:
        return list(connection.execute(statement).scalars())


def skip(store, count) -> None:
    """Append leaves that are no certificates'."""
    leaf = LogEntry(EntryType.REVOCATION, "ab", b"x", keeps_body=True)
    with store.write() as transaction:
        log.append(transaction, [leaf] * count)


def values(store, column) -> dict[int, str]:
    statement = sa.select(certificates.c.log_index, certificates.c[column])
    with store.read() as connection:
        return dict(connection.execute(statement).all())


@pytest.mark.parametrize("column", ["fingerprint", "key_sha256"])
def test_a_certificate_on_any_shelf_is_found(store, column):
    skip(store, 3 * SHELF - 2)  # as if the first shelves had been purged
    many.fill(store, 4, users=2, end=NOW)
    skip(store, 2 * SHELF)
    many.fill(store, 2, users=2, end=NOW)
    known = values(store, column)
    assert len(known) == 6
    assert {at: found(store, column, value) for at, value in known.items()} == {
        at: [at] for at in known
    }


def test_nothing_is_found_where_nothing_is(store):
    assert found(store, "fingerprint", "00" * 32) == []
    many.fill(store, 1, users=1, end=NOW)
    assert found(store, "fingerprint", "00" * 32) == []


@pytest.mark.parametrize("column", ["fingerprint", "key_sha256"])
def test_the_migrations_make_the_index_that_the_schema_describes(store, column):
    name = f"ix_certificates_{column}"
    described = next(each for each in certificates.indexes if each.name == name)
    dialect = store.engine.dialect
    with store.read() as connection:
        made = connection.execute(
            sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": name}
        ).scalar_one()
    assert made == str(CreateIndex(described).compile(dialect=dialect)).strip()
