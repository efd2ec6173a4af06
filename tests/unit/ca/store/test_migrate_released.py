"""Stores of every released version, brought up to date with the rows that were in them."""

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from pgward.ca.store import migrate, open_store, revisions
from pgward.core.errors import ConflictError
from tests.fixtures import released


@pytest.fixture(params=released.REVISIONS)
def old(request, tmp_path):
    return released.directory(request.param, tmp_path / "ca")


def test_every_row_of_a_released_store_is_kept(old):
    url = f"sqlite:///{old / 'ca.db'}"
    before = released.contents(url)
    assert all(before.values())  # a table without rows would show nothing
    open_store(url).close()
    assert_kept(before, released.contents(url))


def assert_kept(before, after):
    """Every row is there with the values that it had; new columns and rows may have come."""
    for table, rows in before.items():
        columns = rows[0].keys()
        kept = [{name: row[name] for name in columns} for row in after[table]]
        assert [row for row in rows if row not in kept] == [], table


def test_its_tables_are_those_of_a_new_store(old):
    store = open_store(f"sqlite:///{old / 'ca.db'}")
    with store.read() as connection:
        assert released.differences(connection) == []
        assert revisions.revision(connection) == revisions.head()
    store.close()


def test_revisions_stand_in_one_line():
    scripts = ScriptDirectory.from_config(migrate.config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


def test_a_newer_store_is_refused_and_left_alone(old):
    url = f"sqlite:///{old / 'ca.db'}"
    store = open_store(url)
    with store.write() as transaction:
        transaction.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    before = released.contents(url)
    with pytest.raises(ConflictError, match="written by a newer pgward") as caught:
        open_store(url)
    assert "upgrade pgward" in caught.value.hint
    assert released.contents(url) == before
