"""What is recorded comes into pieces once, wherever the auditor is killed."""

import json
from base64 import b64encode
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.audit.chain.chunk import unpack
from pgward.audit.recording import parcel, sealing
from pgward.audit.recording.script import Reader
from pgward.audit.tape.answers import Opener, Sealer, as_it_is, new_key
from pgward.audit.tape.frames import CLOSE, DOWN, OPEN, RESULT, UP
from pgward.audit.tape.writer import TapeWriter
from pgward.tunnel.edge.auditor.shelf import Shelf
from pgward.tunnel.edge.auditor.source import TapeFiles
from pgward.tunnel.edge.auditor.work import Work
from tests.fixtures.recordings import IDENTITY, RECIPIENT
from tests.unit.audit.recording.test_answers import ANSWER, complete, message

READY = message(b"Z", b"I")
STATEMENTS = 12


class Clock:
    def __init__(self):
        self.moment = 0.0

    def __call__(self):
        self.moment += 0.4
        return self.moment


@pytest.fixture(autouse=True)
def no_flushing(monkeypatch):
    """Spare the disk: no power is cut here."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


def never(reason):
    raise AssertionError(reason)


def write(directory, seal=lambda _boot: as_it_is):
    """Put two sessions on tape, of which the first is recorded with its answers."""
    writer = TapeWriter(directory)
    seal = seal(writer.boot)
    for number, recording in ((1, "results"), (2, "none")):
        facts = {"user": "alice", "recording": recording, "recipient": RECIPIENT}
        writer.append(OPEN, number, json.dumps(facts).encode())
    for each in range(STATEMENTS):
        for number in (1, 2):
            writer.append(UP, number, message(b"Q", b"select %d\0" % each))
            writer.append(DOWN, number, complete() + READY)
        writer.append(RESULT, 1, seal(ANSWER))
    for number in (1, 2):
        writer.append(CLOSE, number, json.dumps({"reason": "bye"}).encode())
    writer.close()
    return writer.boot


def recorded(shelf, session):
    """Return the events of a recording, checked against the chain, as its pieces are delivered."""
    reader, events, said = Reader(session), [], {}
    for number in shelf.numbers:
        for line in unpack(shelf.load(number)[1]):
            record = json.loads(line)
            assert record["type"] != "RESULT"
            if record["type"] == "RECORDING":
                said[record["piece"]] = record["sha256"]
        made = shelf.parcel(number)
        for place in parcel.read(made) if made else ():
            assert place.info.session == session
            plain = sealing.unseal(made[place.start : place.start + place.size], IDENTITY)
            events += list(reader.feed(plain.splitlines()))
    reader.end()
    assert reader.problems == []
    assert reader.hashes == said
    return [each["type"] for each in events]


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(kills=st.lists(st.integers(1, 6), max_size=4), at_once=st.integers(1, 60))
def test_every_event_is_recorded_once(tmp_path_factory, kills, at_once):
    directory = tmp_path_factory.mktemp("edge")
    place = directory / "audit"
    boot = write(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgward.tunnel.edge.auditor.tapes.MOST_FRAMES", at_once)
        for rounds in (*kills, None):
            shelf = Shelf(place)
            work = Work(place, "e1", TapeFiles(directory, "e1"), shelf, wait=never, now=Clock())
            while rounds is None and not work.idle:
                work.round()
            for _ in range(rounds or 0):
                work.round()
            work.close()  # what waited is gone, as with kill -9
    kinds = recorded(shelf, f"{boot}-1")
    expected = ["SESSION_START", *["QUERY", "RESULT"] * STATEMENTS, "SESSION_END"]
    assert kinds == expected


@pytest.mark.parametrize("is_known", [True, False])
def test_answers_are_encrypted_on_tape(tmp_path, is_known):
    key = new_key()
    boot = write(tmp_path, partial(Sealer, key))
    tape = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert b"select 1" in tape
    assert "crème".encode() not in tape
    place, opener = tmp_path / "audit", Opener(key if is_known else new_key())
    shelf = Shelf(place)
    work = Work(place, "e1", TapeFiles(tmp_path, "e1"), shelf, wait=never, opened=opener)
    while not work.idle:
        work.round()
        work.settle()
    work.close()
    kinds = recorded(shelf, f"{boot}-1")
    assert kinds == ["SESSION_START", *["QUERY", "RESULT"] * STATEMENTS, "SESSION_END"]
    plain = b"".join(
        sealing.unseal(made[each.start : each.start + each.size], IDENTITY)
        for made in map(shelf.parcel, shelf.numbers)
        for each in (parcel.read(made) if made else ())
    )
    assert (b64encode(ANSWER) in plain, b'"lost":true' in plain) == (is_known, not is_known)
