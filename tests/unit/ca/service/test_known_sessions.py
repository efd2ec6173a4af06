from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import known_sessions
from pgward.ca.service.known_sessions import KnownSessions
from tests.fixtures.authority import START

SESSION = LoginSession(
    id="s1",
    user=None,
    thumbprint="t",
    method="password",
    created_at=START,
    expires_at=START + timedelta(hours=1),
)


@pytest.fixture
def known():
    made = KnownSessions()
    made.remember("token", SESSION, age=0, monotonic=100.0)
    return made


def test_it_is_known_for_half_a_minute(known):
    assert known.get("token", now=START, monotonic=129.9) is SESSION
    assert known.get("token", now=START, monotonic=130.0) is None


def test_another_token_is_unknown(known):
    assert known.get("other", now=START, monotonic=100.0) is None


def test_it_is_not_known_past_its_end(known):
    end = SESSION.expires_at
    assert known.get("token", now=end - timedelta(seconds=1), monotonic=100.0) is SESSION
    assert known.get("token", now=end, monotonic=100.0) is None


def test_it_can_be_forgotten_twice(known):
    known.forget("token")
    known.forget("token")
    assert known.get("token", now=START, monotonic=100.0) is None


def test_the_oldest_goes_when_there_are_too_many(known, monkeypatch):
    monkeypatch.setattr(known_sessions, "_MOST", 2)
    for name in ("a", "b"):
        known.remember(name, replace(SESSION, id=name), age=0, monotonic=100.0)
    found = [known.get(name, now=START, monotonic=100.0) for name in ("token", "a", "b")]
    assert [each and each.id for each in found] == [None, "a", "b"]


def test_all_are_forgotten_when_something_changes(known):
    age = known.age()
    known.forget_all()
    assert known.get("token", now=START, monotonic=100.0) is None
    known.remember("token", SESSION, age=age, monotonic=100.0)  # it was read before the change
    assert known.get("token", now=START, monotonic=100.0) is None
    known.remember("token", SESSION, age=known.age(), monotonic=100.0)
    assert known.get("token", now=START, monotonic=100.0) is SESSION
