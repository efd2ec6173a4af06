import pytest
import sqlalchemy as sa

from pgward.ca.store import copying, create, tables
from pgward.ca.store.copying import DifferentError
from pgward.ca.store.schema import users
from pgward.ca.store.schema_store import store_marks
from tests.fixtures.filled import fill


@pytest.fixture
def other(tmp_path):
    made = create(f"sqlite:///{tmp_path / 'other.db'}")
    yield made
    made.close()


def test_every_table_is_copied_but_the_marks(store, other):
    fill(store)
    fill(other, 7)
    with store.read() as source, other.write() as target:
        found = copying.copy(source, target.connection)
    assert set(found) == {table.name for table in tables.every() if table is not store_marks}
    assert all(tally.rows for name, tally in found.items() if name != "leadership")
    with other.read() as connection:
        assert copying.tallies(connection) == found


@pytest.mark.parametrize(
    "change",
    [
        sa.update(users).where(users.c.name.startswith("1")).values(email="x"),
        sa.delete(users).where(users.c.name.startswith("1")),
    ],
)
def test_a_copy_that_differs_is_told(store, change):
    fill(store)
    with store.read() as connection:
        found = copying.tallies(connection)
    with store.write() as transaction:
        transaction.execute(change)
        with pytest.raises(DifferentError, match=r"the copy of .* differs"):
            copying.check(transaction.connection, found)
        transaction.discard()


def test_generated_keys_are_postgresqls_matter(store):
    with store.read() as connection:
        copying.set_sequences(connection, tables.every())
