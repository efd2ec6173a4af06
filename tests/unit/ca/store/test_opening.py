"""Creating and opening a store."""

import stat

import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.core.errors import ConflictError, NotFoundError, UnavailableError


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'ca.db'}"


def test_a_new_store_is_private_and_writes_ahead(url, tmp_path):
    made = stores.create(url)
    with made.read() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        safety = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one()
    assert (mode, safety, keys) == ("wal", 2, 1)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    made.close()


def test_a_store_is_not_created_twice_nor_opened_before(url):
    with pytest.raises(NotFoundError, match="no store"):
        stores.open_store(url)
    stores.create(url).close()
    with pytest.raises(ConflictError, match="exists already"):
        stores.create(url)
    opened = stores.open_store(url)
    assert opened.version() == 1
    opened.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "ca.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(UnavailableError, match="not a database") as raised:
        stores.open_store(f"sqlite:///{tmp_path / 'ca.db'}")
    assert f"look at {tmp_path / 'ca.db'}: its owner" in raised.value.hint


def test_an_empty_database_holds_no_store(tmp_path):
    (tmp_path / "ca.db").touch()
    with pytest.raises(NotFoundError, match="holds no store"):
        stores.open_store(f"sqlite:///{tmp_path / 'ca.db'}")


def test_a_store_of_a_newer_program_is_refused(url):
    made = stores.create(url)
    with made.write() as transaction:
        transaction.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    made.close()
    with pytest.raises(ConflictError, match="newer pgward"):
        stores.open_store(url)


def test_a_directory_that_is_missing_is_named(tmp_path):
    with pytest.raises(UnavailableError, match="cannot be created"):
        stores.create(f"sqlite:///{tmp_path / 'absent' / 'ca.db'}")
