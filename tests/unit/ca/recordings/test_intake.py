from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import pytest

from pgward.audit.recording import parcel
from pgward.ca.recordings import intake
from pgward.ca.recordings.intake import Taken
from pgward.core.errors import InvalidInputError, UnacceptableError
from tests.fixtures.chunks import record
from tests.fixtures.recordings import SESSION, parcel_of, pieces_of, start

EDGE = SimpleNamespace(name="e1", actor="edge:e1")


@pytest.fixture
def take(store, objects, clock):
    def taking(data, edge=EDGE, digest=None):
        digest = digest or sha256(data).hexdigest()
        return intake.take(store, objects, clock, edge, digest=digest, data=data)

    return taking


def test_pieces_are_kept_once(take, objects):
    data = parcel_of([start(1)], [record(2)])
    assert take(data) == Taken(2, ())
    assert take(data) == Taken(0, ())
    (key,) = objects.list("recordings/")
    assert objects.get(key) == data


def test_the_same_pieces_in_another_parcel(take):
    first, second = pieces_of([start(1)], [record(2)])
    assert take(parcel.pack([first])).kept == 1
    assert take(parcel.pack([first, second])) == Taken(1, ())


def test_another_piece_in_the_place_of_one_is_refused_and_put_on_record(take, api):
    assert take(parcel_of([start(1)])).kept == 1
    assert take(parcel_of([start(1)])) == Taken(0, ((SESSION, 1),))
    (event,) = [each for each in api.events() if each["action"] == "recording.refuse"]
    assert (event["actor"], event["target"], event["outcome"]) == ("edge:e1", SESSION, "failed")


def test_edges_do_not_share_sessions(take):
    assert take(parcel_of([start(1)])).kept == 1
    other = SimpleNamespace(name="e2", actor="edge:e2")
    with pytest.raises(UnacceptableError, match="another edge"):
        take(parcel_of([start(1)]), edge=other)


@pytest.mark.parametrize(
    "change",
    [
        {"session": "../x"},
        {"number": 0},
        {"number": 2},
        {"before": "f" * 64},
        {"sha256": "x"},
        {"recipient": "a" * 100},
        {"first_time": "yesterday"},
        {"plain_bytes": -1},
    ],
)
def test_what_is_not_described_rightly(take, change):
    (piece,) = pieces_of([start(1)])
    with pytest.raises(UnacceptableError):
        take(parcel.pack([replace(piece, info=replace(piece.info, **change))]))


def test_another_parcel_than_was_named(take):
    with pytest.raises(InvalidInputError, match="not the one"):
        take(parcel_of([start(1)]), digest="0" * 64)
