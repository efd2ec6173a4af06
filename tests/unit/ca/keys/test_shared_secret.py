import pytest

from pgward.ca.keys import shared_secret
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system.files import StorageError
from tests.fixtures.authority import START

FILE = "keys/some.key"


@pytest.fixture
def ca(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o700)
    return tmp_path


def opened(directory, store, name="some"):
    return shared_secret.open_secret(directory, store, name=name, file=FILE, now=START)


def test_the_secret_is_made_once_and_for_nobody_else(ca, store):
    made = opened(ca, store)
    path = ca / FILE
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 32)
    assert opened(ca, store) == made
    assert path.read_bytes() == made.data
    assert made.data.hex() not in repr(made)


def test_it_is_made_where_all_other_keys_are_in_a_token(tmp_path, store):
    opened(tmp_path, store)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "keys", tmp_path / FILE)]
    assert modes == [0o700, 0o600]


def test_a_replica_without_the_file_says_where_it_is(ca, store):
    opened(ca, store)
    (ca / FILE).unlink()
    with pytest.raises(NotFoundError) as caught:
        opened(ca, store)
    assert "copy keys/some.key" in caught.value.hint


@pytest.mark.parametrize(("data", "what"), [(b"x" * 32, "not the one"), (b"x", "not 32 bytes")])
def test_a_replica_with_another_file_says_so(ca, store, data, what):
    opened(ca, store)
    (ca / FILE).write_bytes(data)
    with pytest.raises(InvalidInputError, match=what):
        opened(ca, store)


def test_each_secret_has_a_row_of_its_own(ca, store):
    first = opened(ca, store)
    (ca / FILE).write_bytes(b"y" * 32)
    assert opened(ca, store, name="other").data != first.data


def test_a_directory_that_cannot_be_written_is_told(tmp_path, store):
    with pytest.raises(StorageError):
        opened(tmp_path / "absent", store)
