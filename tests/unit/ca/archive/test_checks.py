from datetime import timedelta

import pytest

from pgward.ca.archive import checks
from pgward.core.errors import ConflictError
from tests.fixtures.authority import START

MINUTE = timedelta(minutes=1)


def begin(store, now=START, by="otto"):
    with store.write() as transaction:
        return checks.begin(transaction, by, 7, now)


def change(store, number, **values):
    with store.write() as transaction:
        checks.change(transaction, number, **values)


def newest(store):
    with store.read() as connection:
        return checks.newest(connection)


def test_one_runs_at_a_time(store):
    first = begin(store)
    assert newest(store) == [first]
    assert (first.number, first.runs(START), first.is_whole) == (1, True, False)
    with pytest.raises(ConflictError, match="otto has it verified already"):
        begin(store, START + MINUTE)


def test_one_of_which_nothing_came_any_more_is_over(store):
    first = begin(store)
    later = START + MINUTE + timedelta(seconds=1)
    assert not first.runs(later)
    assert begin(store, later).number == 2


def test_how_one_went_is_kept(store):
    begin(store)
    chains = [{"edge": "e1", "problems": [{"seq": 1}]}, {"edge": "e2", "problems": []}]
    change(store, 1, ended_at=START, chains=chains, chunks=2, lines=7)
    (found,) = newest(store)
    assert (found.runs(START), found.is_whole, found.problems) == (False, True, [{"seq": 1}])
    assert (found.chunks, found.lines, found.of_lines) == (2, 7, 7)


def test_the_last_whole_one_is_found(store):
    with store.read() as connection:
        assert checks.last_whole(connection) is None
    begin(store)
    change(store, 1, ended_at=START)
    begin(store)
    change(store, 2, ended_at=START, trouble="the archive is away")
    with store.read() as connection:
        found = checks.last_whole(connection)
    assert found is not None
    assert found.number == 1


def test_old_ones_go(store, monkeypatch):
    monkeypatch.setattr(checks, "KEPT", 2)
    for number in range(1, 5):
        begin(store)
        change(store, number, ended_at=START)
    assert [each.number for each in newest(store)] == [4, 3]
