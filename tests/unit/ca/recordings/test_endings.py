import pytest

from pgward.ca.archive import sessions
from pgward.ca.recordings import endings
from pgward.ca.recordings.endings import TOLD_FOR, Ending
from pgward.core.errors import ConflictError
from tests.fixtures.authority import START
from tests.fixtures.chunks import record
from tests.fixtures.recordings import SESSION

WISH = Ending("e1", SESSION, "maintenance", forced=False)


def ask(archived, wish=WISH, now=START):
    with archived.store.write() as transaction:
        found = sessions.get(transaction.connection, SESSION)
        endings.ask(transaction, found, wish, now=now, by="admin")


def current(archived, now=START):
    with archived.store.read() as connection:
        return endings.current(connection, now)


def test_edges_are_told_until_the_session_has_ended(archived):
    archived.add(record(1, type="SESSION_START"))
    before = archived.store.version()
    ask(archived)
    assert archived.store.version() > before
    assert current(archived) == [WISH]
    forced = Ending("e1", SESSION, "now", forced=True)
    ask(archived, forced)
    assert current(archived) == [forced]
    archived.add(record(2, type="SESSION_END"))
    assert current(archived) == []
    with pytest.raises(ConflictError, match="has ended"):
        ask(archived)


def test_they_are_told_for_a_day(archived):
    archived.add(record(1, type="SESSION_START"))
    ask(archived)
    assert current(archived, START + TOLD_FOR) == [WISH]
    assert current(archived, START + TOLD_FOR * 2) == []
