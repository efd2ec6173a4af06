import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca.store import log
from pgward.ca.store.inspecting import open_read_only
from pgward.ca.store.schema import users
from pgward.core.errors import ConflictError, NotFoundError, UnavailableError
from tests.fixtures import old_store


@pytest.mark.usefixtures("store")
def test_a_store_is_read_while_it_is_served(tmp_path):
    looking = open_read_only(f"sqlite:///{tmp_path / 'ca.db'}")
    with looking.read() as connection:
        assert log.state(connection).size == 0
    looking.close()


def test_a_store_that_nobody_serves_is_read_from_where_nothing_can_be_written(tmp_path):
    directory = tmp_path / "a dir#%"
    directory.mkdir()
    path = directory / "ca.db"
    stores.create(f"sqlite:///{path}").close()
    before = path.read_bytes()
    for suffix in ("-wal", "-shm"):
        path.with_name(f"ca.db{suffix}").unlink(missing_ok=True)
    directory.chmod(0o500)
    looking = open_read_only(str(sa.URL.create("sqlite", database=str(path))))
    with looking.read() as connection:
        assert log.state(connection).size == 0
    looking.close()
    directory.chmod(0o700)
    assert list(directory.iterdir()) == [path]
    assert path.read_bytes() == before


@pytest.mark.usefixtures("store")
def test_nothing_can_be_changed(tmp_path):
    looking = open_read_only(f"sqlite:///{tmp_path / 'ca.db'}")
    with pytest.raises(UnavailableError, match="read-only"), looking.write() as transaction:
        transaction.execute(sa.delete(users))
    looking.close()


def test_an_older_store_is_left_as_it_is(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old_store.write(url, [])
    with pytest.raises(ConflictError, match="schema is 0001, and this pgward reads"):
        open_read_only(url)


def test_no_store(tmp_path):
    with pytest.raises(NotFoundError, match="no store at"):
        open_read_only(f"sqlite:///{tmp_path / 'none.db'}")
