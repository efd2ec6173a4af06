from datetime import UTC, datetime

import pytest

from pgward.ca.identity import directory, second_factors
from pgward.ca.identity.directory import NewUser

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def write(store):
    """Do something in a transaction of its own, for people who are there."""
    with store.write() as transaction:
        for name in ("alice", "bob"):
            directory.add(transaction, NewUser(name), now=NOW, by="test")

    def write(function, *args, **kwargs):
        with store.write() as transaction:
            return function(transaction, *args, **kwargs)

    return write


def test_an_app_replaces_the_one_before(store, write):
    write(second_factors.add_totp, "alice", b"first", step=5, now=NOW)
    write(second_factors.add_totp, "alice", b"second", step=9, now=NOW)
    with store.read() as connection:
        found = second_factors.totp(connection, "alice")
        assert (found.sealed, found.last_step, found.created_at) == (b"second", 9, NOW)
        assert second_factors.totp(connection, "bob") is None


def test_a_step_is_used_once_and_steps_only_grow(write):
    write(second_factors.add_totp, "alice", b"x", step=5, now=NOW)
    used = [write(second_factors.use_step, "alice", step) for step in (5, 6, 6, 4, 8)]
    assert used == [False, True, False, False, True]
    assert not write(second_factors.use_step, "bob", 99)


def test_an_app_can_be_removed(store, write):
    write(second_factors.add_totp, "alice", b"x", step=5, now=NOW)
    assert write(second_factors.remove_totp, "alice")
    assert not write(second_factors.remove_totp, "alice")
    with store.read() as connection:
        assert second_factors.totp(connection, "alice") is None


def test_recovery_codes_are_used_once_and_replaced_together(store, write):
    one, two, three = b"1" * 32, b"2" * 32, b"3" * 32
    write(second_factors.replace_codes, "alice", [one, two], NOW)
    assert not write(second_factors.use_code, "bob", one, NOW)
    assert write(second_factors.use_code, "alice", one, NOW)
    assert not write(second_factors.use_code, "alice", one, NOW)
    with store.read() as connection:
        assert second_factors.unused_codes(connection, "alice") == [two]
    write(second_factors.replace_codes, "alice", [three], NOW)
    assert not write(second_factors.use_code, "alice", two, NOW)
    with store.read() as connection:
        assert second_factors.unused_codes(connection, "alice") == [three]


def test_everything_of_a_person_can_be_removed_at_once(write):
    write(second_factors.add_totp, "alice", b"x", step=5, now=NOW)
    write(second_factors.replace_codes, "alice", [b"1" * 32], NOW)
    write(second_factors.replace_codes, "bob", [b"1" * 32], NOW)
    assert write(second_factors.remove_all, "alice") == ["totp", "recovery"]
    assert write(second_factors.remove_all, "alice") == []
    assert write(second_factors.remove_all, "bob") == ["recovery"]


def test_they_go_with_the_person(store, write):
    write(second_factors.add_totp, "alice", b"x", step=5, now=NOW)
    with store.write() as transaction:
        directory.add(transaction, NewUser("root", groups=["administrators"]), now=NOW, by="t")
        directory.remove(transaction, "alice")
        directory.add(transaction, NewUser("alice"), now=NOW, by="t")
    with store.read() as connection:
        assert second_factors.totp(connection, "alice") is None
