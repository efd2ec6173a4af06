import json
from hashlib import sha256
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pgward.ca.keys.sealing import Sealer
from pgward.ca.recordings import intake, reading
from pgward.ca.recordings.reading import Stretch
from pgward.ca.store.schema_recordings import recording_keys, recording_pieces
from tests.fixtures.chunks import record
from tests.fixtures.recordings import IDENTITY, RECIPIENT, SESSION, end, parcel_of, start

SEALER = Sealer(b"s" * 32)


@pytest.fixture
def read(store, objects, clock):
    sealed = SEALER.seal(f"recordings for {RECIPIENT}", IDENTITY.text().encode())
    key = {"recipient": RECIPIENT, "sealed": sealed, "created_at": clock.now()}
    with store.write() as transaction:
        transaction.execute(sa.insert(recording_keys).values(key))
    data = parcel_of([start(1)], [record(2)], [end(3)])
    digest, edge = sha256(data).hexdigest(), SimpleNamespace(name="e1", actor="edge:e1")
    intake.take(store, objects, clock, edge, digest=digest, data=data)

    def reading_from(after=0, stretch=reading.WHOLE):
        return reading.page(store, objects, SEALER, "e1", SESSION, after=after, stretch=stretch)

    return reading_from


def kinds(page):
    return [json.loads(line)["type"] for line in page.data.splitlines()]


def test_pages(read):
    page = read()
    assert kinds(page) == ["PIECE", "SESSION_START", "PIECE", "QUERY", "PIECE", "SESSION_END"]
    assert (page.after, page.pieces, page.ended) == (3, 3, True)
    page = read(stretch=Stretch(goal=1))
    assert (page.after, page.pieces, page.ended) == (1, 1, False)
    assert kinds(read(2)) == ["PIECE", "SESSION_END"]
    assert kinds(read(1, Stretch(until=2))) == ["PIECE", "QUERY"]
    assert read(3) == reading.Page(b"", 3, 0, ended=False)


def test_what_was_changed_or_is_gone_is_told(read, store, objects):
    with store.write() as transaction:
        wrong = sa.update(recording_pieces).where(recording_pieces.c.number == 2)
        transaction.execute(wrong.values(sha256="0" * 64))
    page = read()
    assert kinds(page) == ["PIECE", "SESSION_START", "LOST", "PIECE", "SESSION_END"]
    (key,) = objects.list("recordings/")
    objects.delete(key)
    assert kinds(read()) == ["LOST"] * 3


def test_a_piece_whose_key_nobody_has_does_not_hide_the_others(read, store):
    with store.write() as transaction:
        other = sa.update(recording_pieces).where(recording_pieces.c.number == 2)
        transaction.execute(other.values(recipient="age1nobody"))
    lost = [json.loads(line) for line in read().data.splitlines()][2]
    assert (lost["type"], lost["piece"]) == ("LOST", 2)
    assert "the key of a recording is not in the store" in lost["why"]


@pytest.mark.usefixtures("read")
def test_how_much_there_is(store):
    with store.write() as transaction:
        found = reading.summary(transaction.connection, "e1", SESSION)
        assert (found["pieces"], found["events"]) == (3, 3)
        assert (found["missing"], found["complete"]) == (0, True)
        assert reading.summary(transaction.connection, "e2", SESSION) is None
        gone = sa.delete(recording_pieces).where(recording_pieces.c.number == 2)
        transaction.execute(gone)
        found = reading.summary(transaction.connection, "e1", SESSION)
        assert (found["missing"], found["complete"]) == (1, False)
