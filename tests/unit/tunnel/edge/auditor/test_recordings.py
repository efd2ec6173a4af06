import json
import logging
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest

from pgward.client.machine import Machine
from pgward.core.errors import FaultError, UnavailableError
from pgward.tunnel.edge.auditor.recordings import RecordingsTarget
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf
from tests.fixtures.fake_ca import URL, error
from tests.fixtures.recordings import SESSION, parcel_of, start
from tests.fixtures.records import packed, record

PARCEL = parcel_of([start(1)])
ROUTE = f"PUT /v1/edges/self/recordings/{sha256(PARCEL).hexdigest()}"


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path / "audit")
    chunk, head = packed([record(1)], None)
    made.add(Entry(1, 1, {}, chunk.manifest), chunk.data)
    chunk, _ = packed([record(2)], head)
    made.add(Entry(2, 1, {}, chunk.manifest), chunk.data, PARCEL)
    return made


@pytest.fixture
def target(fake_ca, tmp_path, shelf):
    fields = {"url": URL, "fingerprint": fake_ca.fingerprint, "secret": "s3cret"}
    token = "pgj1." + urlsafe_b64encode(json.dumps(fields).encode()).decode()
    machine = Machine.enroll(tmp_path / "m", token, advertise="e:1", clock=fake_ca.clock)
    fake_ca.requests.clear()
    made = RecordingsTarget(machine, shelf)
    yield made
    made.close()


def test_only_chunks_with_a_parcel_are_told_of(target, shelf, fake_ca):
    assert target.deliver(*shelf.load(1)) == 1
    assert not fake_ca.requests
    fake_ca.routes[ROUTE] = {"kept": 1, "refused": []}
    assert target.deliver(*shelf.load(2)) == 2


def test_a_piece_that_is_refused_does_not_hold_up_the_rest(target, shelf, fake_ca, caplog):
    caplog.set_level(logging.ERROR, "pgward.auditor")
    fake_ca.routes[ROUTE] = {"kept": 0, "refused": [{"session": SESSION, "piece": 1}]}
    assert target.deliver(*shelf.load(2)) == 2
    assert f"another piece 1 of the recording of session {SESSION}" in caplog.text


def test_a_ca_that_is_away_is_asked_again(target, shelf, fake_ca):
    fake_ca.routes[ROUTE] = error("unavailable", "later")
    with pytest.raises(UnavailableError):
        target.deliver(*shelf.load(2))


def test_parcels_live_as_long_as_their_chunks(shelf, tmp_path):
    place = tmp_path / "audit"
    assert shelf.parcel(1) == b""
    assert shelf.parcel(2) == PARCEL
    again = Shelf(place)
    assert again.size == shelf.size
    entry, data = shelf.load(2)
    shelf.add(entry, data)  # in another chain
    assert shelf.parcel(2) == PARCEL
    assert shelf.size == again.size
    shelf.remove(2)
    assert list(place.glob("*.parcel")) == []
    (place / "000000000009.parcel").write_bytes(b"x")
    Shelf(place)
    assert list(place.glob("*.parcel")) == []


def test_it_works_behind_a_parcel_when_the_next_one_is_taken(target, fake_ca):
    assert target.works_behind(2)
    assert not fake_ca.requests
    fake_ca.routes[ROUTE] = {"kept": 0, "refused": []}
    assert target.works_behind(1)
    fake_ca.routes[ROUTE] = error("failed", "the authority failed unexpectedly")
    with pytest.raises(FaultError):
        target.works_behind(1)
