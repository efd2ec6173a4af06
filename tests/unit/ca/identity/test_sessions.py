from datetime import timedelta

import pytest

from pgward.ca.identity import directory, sessions
from pgward.ca.identity.directory import ADMINISTRATORS, NewUser
from pgward.ca.store.schema import login_sessions
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START
from tests.fixtures.sessions import new_session

HOURS = timedelta(hours=12)


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        for name, groups in {"alice": (), "root": (ADMINISTRATORS,)}.items():
            directory.add(transaction, NewUser(name, groups=groups), now=START, by="test")
        yield transaction


def _start(writing, name="alice"):
    user = directory.get(writing.connection, name)
    new = new_session(user, thumbprint="jkt", client="10.0.0.1", lifetime=HOURS)
    return sessions.start(writing, new, now=START)


def test_a_session_is_found_by_its_token_until_it_expires(writing):
    session, token = _start(writing)
    found = sessions.find(writing.connection, token, START)
    assert found == session
    assert found.expires_at == START + HOURS
    assert sessions.find(writing.connection, token, START + HOURS) is None


def test_tokens_are_stored_only_hashed(writing):
    _, token = _start(writing)
    (row,) = writing.execute(login_sessions.select()).mappings()
    assert token.removeprefix("pgs1.") not in str(dict(row))
    assert len(row["token_hash"]) == 32


@pytest.mark.parametrize("token", ["", "pgs1.", "pgs1.x", "x" * 5000, "pgs1." + "é" * 40])
def test_other_tokens_find_nothing(writing, token):
    _start(writing)
    assert sessions.find(writing.connection, token, START) is None


@pytest.mark.parametrize(
    "how", [directory.remove, lambda w, n: directory.block(w, n, "", now=START)]
)
def test_who_is_removed_or_blocked_has_no_session(writing, how):
    _, token = _start(writing)
    how(writing, "alice")
    assert sessions.find(writing.connection, token, START) is None


def test_the_blocked_cannot_start_a_session(writing):
    directory.block(writing, "alice", "", now=START)
    with pytest.raises(DeniedError):
        _start(writing)


def test_sessions_end_one_or_all_or_all_but_one(writing):
    tokens = dict(_start(writing) for _ in range(3)) | dict([_start(writing, "root")])
    first, second, third, other = (session.id for session in tokens)

    def alive():
        return [
            session.id
            for session, token in tokens.items()
            if sessions.find(writing.connection, token, START) is not None
        ]

    assert sessions.end(writing, "logout", now=START, session_id=first) == [first]
    assert alive() == [second, third, other]
    assert sessions.end(writing, "password", now=START, user="alice", keep=third) == [second]
    assert sessions.end(writing, "block", now=START, user="alice") == [third]
    assert sessions.end(writing, "block", now=START, user="alice") == []
    assert alive() == [other]


def test_a_session_that_ended_keeps_no_refresh_token(writing):
    user = directory.get(writing.connection, "alice")
    session, _ = sessions.start(writing, new_session(user, refresh_sealed=b"sealed"), now=START)
    assert sessions.end(writing, "logout", now=START, session_id=session.id) == [session.id]
    (row,) = writing.execute(login_sessions.select()).mappings()
    assert row["refresh_sealed"] is None
