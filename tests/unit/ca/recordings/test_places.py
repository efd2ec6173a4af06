from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace

import pytest

from pgward.ca.recordings import intake, places
from tests.fixtures.authority import START
from tests.fixtures.chunks import record
from tests.fixtures.recordings import SESSION, end, parcel_of, start


@pytest.fixture
def connection(store, objects, clock):
    """Pieces of seconds 1 to 5, of one statement each, behind the beginning."""
    data = parcel_of([start(1)], *([record(number)] for number in (2, 3, 4)), [end(5)])
    digest, edge = sha256(data).hexdigest(), SimpleNamespace(name="e1", actor="edge:e1")
    intake.take(store, objects, clock, edge, digest=digest, data=data)
    with store.read() as connection:
        yield connection


def second(number):
    return START + timedelta(seconds=number)


def test_a_recording_in_parts(connection, monkeypatch):
    found = places.bars(connection, "e1", SESSION)
    assert [(each.first_time, each.events, each.after) for each in found] == [
        (second(number), 1, number - 1) for number in range(1, 6)
    ]
    monkeypatch.setattr(places, "BARS", 2)
    found = places.bars(connection, "e1", SESSION)
    assert [(each.first_time, each.last_time, each.events, each.after) for each in found] == [
        (second(1), second(3), 3, 0),
        (second(4), second(5), 2, 3),
    ]


def test_when_it_began(connection):
    assert places.began(connection, "e1", SESSION) == second(1)


@pytest.mark.parametrize(("moment", "after"), [(0, 0), (1, 0), (2.5, 1), (5, 4), (99, 4)])
def test_in_which_piece_a_moment_is(connection, moment, after):
    assert places.at(connection, "e1", SESSION, second(moment)) == after


def test_where_the_page_before_begins(connection):
    def before(after, goal):
        return places.before(connection, "e1", SESSION, after, goal)

    assert before(3, 1) == 2
    assert before(3, 10_000) == 0
    assert before(1, 1) == 0
    assert before(0, 1) == 0


def test_nothing_is_recorded(connection):
    assert places.bars(connection, "e2", SESSION) == []
    assert places.began(connection, "e2", SESSION) is None
    assert places.at(connection, "e2", SESSION, second(1)) == 0
