import pytest

from pgward.ca.acme import master
from pgward.ca.acme.master import Master
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system.files import StorageError
from tests.fixtures.authority import START


@pytest.fixture
def ca(tmp_path):
    (tmp_path / "keys").mkdir()
    return tmp_path


def test_the_secret_is_made_once_and_for_nobody_else(ca, store):
    made = master.open_master(ca, store, START)
    path = ca / master.FILE
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 32)
    assert master.open_master(ca, store, START).sha256 == made.sha256


def test_it_is_made_where_all_other_keys_are_in_a_token(tmp_path, store):
    master.open_master(tmp_path, store, START)
    assert [
        path.stat().st_mode & 0o777 for path in (tmp_path / "keys", tmp_path / master.FILE)
    ] == [
        0o700,
        0o600,
    ]


def test_keys_follow_from_it_and_differ():
    one, other = Master(b"a" * 32), Master(b"b" * 32)
    keys = {
        *(one.nonce_key, one.eab_secret("1"), one.eab_secret("2")),
        *(other.nonce_key, other.eab_secret("1")),
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}
    assert one.eab_secret("1") == Master(b"a" * 32).eab_secret("1")


def test_a_replica_without_the_file_says_where_it_is(ca, store):
    master.open_master(ca, store, START)
    (ca / master.FILE).unlink()
    with pytest.raises(NotFoundError) as caught:
        master.open_master(ca, store, START)
    assert "copy keys/acme.key" in caught.value.hint


@pytest.mark.parametrize(("data", "what"), [(b"x" * 32, "not the one"), (b"x", "not 32 bytes")])
def test_a_replica_with_another_file_says_so(ca, store, data, what):
    master.open_master(ca, store, START)
    (ca / master.FILE).write_bytes(data)
    with pytest.raises(InvalidInputError, match=what):
        master.open_master(ca, store, START)


def test_a_directory_that_cannot_be_written_is_told(tmp_path, store):
    with pytest.raises(StorageError):
        master.open_master(tmp_path / "absent", store, START)
