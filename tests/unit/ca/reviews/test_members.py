"""The directory as the report needs it."""

import pytest

from pgward.ca.identity import directory
from pgward.ca.reviews.members import Members
from pgward.core.errors import NotFoundError


def test_everybody(access):
    with access.store.read() as connection:
        members = Members(connection, None)
        assert members.of("engineers") == ["ann", "dirk", "sam"]
        assert (members.size("engineers"), members.size("nobody")) == (3, 0)
        assert (members.called("ANN"), members.called("Gone")) == ("ann", "Gone")
        assert members.wants("ann")


def test_one_person(access):
    with access.store.read() as connection:
        members = Members(connection, "SAM")
        assert (members.user, members.called("Sam")) == ("sam", "sam")
        assert (members.of("sre"), members.of("dba")) == (["sam"], [])
        assert (members.wants("sam"), members.wants("ann")) == (True, False)


def test_nobody(access):
    with (
        access.store.read() as connection,
        pytest.raises(NotFoundError, match="there is no user 'eve'"),
    ):
        Members(connection, "eve")


def test_who_is_blocked(access):
    with access.store.write() as transaction:
        directory.block(transaction, "sam", "left", now=access.clock.now())
    with access.store.read() as connection:
        members = Members(connection, None)
        assert [members.is_blocked(each) for each in ("sam", "ann")] == [True, False]
