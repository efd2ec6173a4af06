"""Recordings in a directory and in an S3 bucket: they come in, are read in part, and go."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from threading import Barrier
from types import SimpleNamespace

import pytest

from pgward.ca.archive.purging import Policy
from pgward.ca.archive.s3 import S3Objects
from pgward.ca.recordings import purging
from pgward.ca.recordings.intake import Taken
from pgward.ca.recordings.recordings import Recordings
from pgward.core.errors import UnavailableError
from tests.fixtures.ca_service import SEALER
from tests.fixtures.chunks import record
from tests.fixtures.recordings import SESSION, end, parcel_of, start

EDGE = SimpleNamespace(name="e1", actor="edge:e1")
OTHER = SESSION.replace("-1", "-2")


def kinds(page):
    return [json.loads(line)["type"] for line in page.data.splitlines()]


def parcel(recordings):
    """Two sessions' pieces in one object, so that each is a part of it."""
    recipient = recordings.recipient()
    return parcel_of(
        [start(1, recipient=recipient), start(1, session=OTHER, recipient=recipient)],
        [record(2), record(2, session=OTHER)],
        [end(3), end(3, session=OTHER)],
    )


def test_a_recording_from_its_beginning_to_its_removal(store, place, clock):
    recordings = Recordings(store, place, SEALER, clock)
    data = parcel(recordings)
    digest = sha256(data).hexdigest()
    assert recordings.take(EDGE, digest, data) == Taken(6, ())
    assert recordings.take(EDGE, digest, data) == Taken(0, ())
    assert list(place.list("recordings/")) == [f"recordings/e1/{digest}.parcel"]
    for session in (SESSION, OTHER):
        page = recordings.page("e1", session, 0)
        assert kinds(page) == ["PIECE", "SESSION_START", "PIECE", "QUERY", "PIECE", "SESSION_END"]
        assert page.ended
    now, policy = clock.now() + timedelta(days=31), Policy(timedelta(days=30))
    assert purging.purge(store, place, now, policy) == 1
    assert list(place.list("recordings/")) == []
    assert recordings.page("e1", SESSION, 0).pieces == 0


def test_an_object_that_is_gone_is_told_piece_by_piece(store, place, clock):
    recordings = Recordings(store, place, SEALER, clock)
    data = parcel(recordings)
    recordings.take(EDGE, sha256(data).hexdigest(), data)
    (key,) = place.list("recordings/")
    place.delete(key)
    assert kinds(recordings.page("e1", SESSION, 0)) == ["LOST"] * 3


def test_pieces_are_fetched_several_at_once(store, place, clock):
    met = Barrier(3)

    class Slow:
        """Answers when three wait at the same time."""

        def get(self, *what):
            met.wait(20)
            return place.get(*what)

    with ThreadPoolExecutor(3) as threads:
        recordings = Recordings(store, place, SEALER, clock, threads)
        data = parcel(recordings)
        recordings.take(EDGE, sha256(data).hexdigest(), data)
        recordings.objects = Slow()
        assert kinds(recordings.page("e1", SESSION, 0))[-1] == "SESSION_END"


@pytest.mark.usefixtures("s3_url")
def test_a_bucket_that_is_away_keeps_nothing_half(store, bucket, clock, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    away = S3Objects.open("s3://b/x?endpoint=http://127.0.0.1:1&region=us-east-1")
    recordings = Recordings(store, away, SEALER, clock)
    data = parcel(recordings)
    digest = sha256(data).hexdigest()
    with pytest.raises(UnavailableError, match="the archive's bucket cannot be reached"):
        recordings.take(EDGE, digest, data)
    recordings.objects = bucket
    assert recordings.take(EDGE, digest, data) == Taken(6, ())
    recordings.objects = away
    with pytest.raises(UnavailableError, match="the archive's bucket cannot be reached"):
        recordings.page("e1", SESSION, 0)
    away.close()
