import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.recording import recorder as recorder_module
from pgward.audit.recording import sealing
from pgward.audit.recording.recorder import Recorder
from pgward.audit.recording.script import Reader
from tests.fixtures.chunks import record
from tests.fixtures.recordings import IDENTITY, SESSION, end, pieces_of, result, start


def events(pieces, session=SESSION):
    reader, found = Reader(session), []
    for piece in pieces:
        if piece.info.session == session:
            lines = sealing.unseal(piece.data, IDENTITY).splitlines()
            found += list(reader.feed(lines))
    reader.end()
    assert reader.problems == []
    return found


def test_a_session_from_its_beginning_to_its_end():
    pieces = pieces_of([start(1), record(2)], [], [result(3, b"\0\xff"), end(4)])
    assert [piece.info.number for piece in pieces] == [1, 2]
    assert [piece.info.last for piece in pieces] == [False, True]
    assert pieces[1].info.before == pieces[0].info.sha256
    began, said, answered, ended = events(pieces)
    assert began["user"] == "alice"
    assert "user" not in said
    assert said["text"] == "select 2"
    assert answered["data"] == "AP8="
    assert ended["type"] == "SESSION_END"


@pytest.mark.parametrize(
    "details", [{"recording": "none"}, {"recording": None}, {"recipient": None}, {"recording": "x"}]
)
def test_what_is_not_recorded_is_let_pass(details):
    recorder = Recorder()
    recorder.take(start(1, **details))
    recorder.take(record(2))
    assert not recorder
    assert not recorder.runs
    assert recorder.cut() == []


def test_other_sessions_are_let_pass():
    recorder = Recorder()
    for each in (start(1), record(2, session="another"), {"id": "x", "type": "GAP", "time": "t"}):
        recorder.take(each)
    (piece,) = recorder.cut()
    assert piece.info.events == 1


def test_many_bytes_are_cut_early(monkeypatch):
    monkeypatch.setattr(recorder_module, "MOST_BYTES", 1000)
    recorder = Recorder()
    recorder.take(start(1))
    assert not recorder.full
    recorder.take(result(2, bytes(1000)))
    assert recorder.full
    recorder.cut()
    assert not recorder.full
    assert not recorder


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3), max_size=8))
def test_it_goes_on_from_its_state_and_the_pieces_since(cuts):
    """However often it is begun anew, pieces follow each other and no event is lost."""
    recorder, pieces, state, since = Recorder(), [], {}, []
    for number, cut in enumerate([3, *cuts, 3]):
        recorder.take(start(1) if number == 0 else record(number + 1))
        if cut >= 1:
            since += recorder.cut()
            pieces += since[-1:]
        if cut == 2:  # a checkpoint
            state, since = json.loads(json.dumps(recorder.state())), []
        if cut == 3:  # killed
            recorder = Recorder.restore(state)
            for piece in since:
                recorder.made(piece.info)
    assert len(events(pieces)) == len(cuts) + 2


def test_a_session_that_ended_is_forgotten():
    recorder = Recorder()
    for each in (start(1), end(2)):
        recorder.take(each)
    (piece,) = recorder.cut()
    assert recorder.state() == {}
    again = Recorder()
    again.made(piece.info)
    assert not again.runs
