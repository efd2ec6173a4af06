import pytest

from pgward.ca.identity import directory, password_history
from pgward.ca.identity.directory import NewUser
from tests.fixtures.authority import START


@pytest.fixture
def remember(store):
    with store.write() as transaction:
        for name in ("root", "alice"):
            new = NewUser(name, groups=["administrators"])
            directory.add(transaction, new, now=START, by="test")

    def remember(encoded, most, user="alice"):
        with store.write() as transaction:
            password_history.remember(transaction, user, encoded, most)
            return password_history.former(transaction.connection, user, 24)

    return remember


def test_the_newest_are_kept(remember):
    for number in range(5):
        found = remember(f"hash{number}", 3)
    assert found == ["hash4", "hash3", "hash2"]
    assert remember("hash5", 2) == ["hash5", "hash4"]


def test_without_a_rule_none_is_kept(remember):
    assert remember("hash0", 0) == []
    remember("hash1", 3)
    assert remember("hash2", 0) == []


def test_a_first_password_has_none_before(remember):
    assert remember(None, 3) == []


def test_each_person_has_the_own_and_takes_them_along(remember, store):
    remember("hash1", 3)
    assert remember("hash2", 3, user="root") == ["hash2"]
    with store.write() as transaction:
        directory.remove(transaction, "alice")
        assert password_history.former(transaction.connection, "alice", 24) == []
        assert password_history.former(transaction.connection, "root", 24) == ["hash2"]
