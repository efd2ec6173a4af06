from datetime import timedelta

import pytest

from pgward.ca.identity import stolen
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START


@pytest.fixture
def refuse(logins):
    def refuse(user, action=stolen.ACTION):
        logins.desk.acts.refused(user, action, "s1", DeniedError("another device"))

    return refuse


def found(logins, user="alice"):
    with logins.desk.store.read() as connection:
        return stolen.find(connection, user, logins.desk.now())


def test_without_a_theft_nothing_is_told(logins, refuse):
    refuse("root")
    refuse("alice", "request.refuse")
    assert found(logins) is None


def test_a_theft_is_told_for_a_week(logins, refuse):
    refuse("alice")
    logins.desk.clock.move(days=1)
    refuse("alice")
    told = found(logins)
    assert (told.count, told.last_at) == (2, START + timedelta(days=1))
    assert "2 times in the last week, the last time at 2026-11-22T12:00:00Z" in told.told
    logins.desk.clock.move(days=6)
    assert "refused, once in the last week" in found(logins).told
    logins.desk.clock.move(days=2)
    assert found(logins) is None
