import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.recording import recorder as recorder_module
from pgward.audit.recording import sealing
from pgward.audit.recording.recorder import Recorder
from pgward.audit.recording.script import Reader
from pgward.pki.age_keys import Identity
from tests.fixtures.chunks import at, record
from tests.fixtures.recordings import (
    IDENTITY,
    RECIPIENT,
    SESSION,
    change,
    end,
    pieces_of,
    result,
    start,
)


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


def test_an_answer_whose_key_is_gone_is_told():
    recorder = Recorder(lambda session, data: data if session == "another" else None)
    for each in (start(1), result(2, b"sealed"), end(3)):
        recorder.take(each)
    assert events(recorder.cut())[1] == {"type": "RESULT", "time": at(2), "data": "", "lost": True}


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


def kinds(pieces):
    return [event["type"] for event in events(pieces)]


def test_a_session_that_is_recorded_since_it_began_to_run():
    off = start(1, recording="none", recipient=None)
    (piece,) = pieces_of([off, record(2), change(3), record(4), end(5)])
    began, said, _ = events([piece])
    assert (began["type"], began["user"], began["time"]) == ("NOTICE", "alice", at(3))
    assert (said["text"], "user" in said) == ("select 4", False)
    assert (piece.info.number, piece.info.before, piece.info.last) == (1, "", True)
    assert piece.info.fields["user"] == "alice"


def test_a_recording_that_is_paused_and_goes_on():
    off = change(3, recording="none", recipient=None)
    pieces = pieces_of(
        [start(1), record(2), off], [record(4)], [change(5), record(6)], [off, record(7)], [end(8)]
    )
    assert kinds(pieces) == [
        "SESSION_START", "QUERY", "NOTICE", "NOTICE", "QUERY", "NOTICE", "SESSION_END"
    ]  # fmt: skip
    assert [piece.info.number for piece in pieces] == [1, 2, 3, 4]
    assert [piece.info.fields.get("recording") for piece in pieces] == [
        "none",
        None,
        "none",
        "none",
    ]
    assert [piece.info.last for piece in pieces] == [False, False, False, True]


def test_a_pause_is_known_after_a_kill():
    off = change(2, recording="none", recipient=None)
    (piece,) = pieces_of([start(1), off])
    heard = Recorder()
    heard.made(piece.info)
    for again in (Recorder.restore(json.loads(json.dumps(heard.state()))), heard):
        again.take(record(3))
        assert not again
        again.take(change(4))
        again.take(record(5))
        assert kinds([piece, *again.cut()]) == ["SESSION_START", "NOTICE", "NOTICE", "QUERY"]


def test_a_session_goes_on_for_another_key():
    other = Identity(bytes(range(1, 33)))
    change_of_key = change(3, recipient=str(other.recipient))
    first, second = pieces_of([start(1), record(2)], [change_of_key, record(4)])
    assert (first.info.recipient, second.info.recipient) == (RECIPIENT, str(other.recipient))
    assert b"select 4" in sealing.unseal(second.data, other)


@pytest.mark.parametrize("details", [{"recording": "none"}, {"recipient": None}, {"limit": 5}])
def test_other_notices_begin_nothing(details):
    recorder = Recorder()
    recorder.take(start(1, recording="none", recipient=None))
    what = {"recording": None, **details} if "limit" in details else details
    recorder.take(change(2, **what))
    assert not recorder.runs


def test_a_notice_about_something_else_is_an_event():
    said = record(2, type="NOTICE", reason="this session ends in 5 minutes")
    assert kinds(pieces_of([start(1), said])) == ["SESSION_START", "NOTICE"]


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


class World:
    """A recorder that is killed, and what a model of it says is recorded."""

    def __init__(self, *, recorded: bool) -> None:
        self.recorder, self.state, self.since = Recorder(), {}, []
        self.pieces, self.expected, self.waiting = [], [], []
        self.second, self.on = 1, recorded
        level = {} if recorded else {"recording": "none", "recipient": None}
        self.take(start(1, **level), heard=recorded)

    def take(self, each, *, heard) -> None:
        self.recorder.take(each)
        self.waiting += [each["time"]] if heard else []
        self.second += 1

    def act(self, what) -> None:
        if what == "said":
            self.take(record(self.second), heard=self.on)
        elif what in ("on", "off"):
            level = {} if what == "on" else {"recording": "none", "recipient": None}
            self.take(change(self.second, **level), heard=self.on or what == "on")
            self.on = what == "on"
        elif what == "cut":
            made = self.recorder.cut()
            self.pieces += made
            self.since += made
            self.expected += self.waiting
            self.waiting = []
        elif what == "checkpoint":
            self.act("cut")
            self.state, self.since = json.loads(json.dumps(self.recorder.state())), []
        else:  # killed: what waited is read from the tape again
            self.act("cut")
            self.recorder = Recorder.restore(self.state)
            for piece in self.since:
                self.recorder.made(piece.info)


@settings(max_examples=60)
@given(
    st.booleans(),
    st.lists(st.sampled_from(["said", "on", "off", "cut", "checkpoint", "killed"]), max_size=12),
)
def test_whatever_changes_and_dies_what_is_recorded_is_what_was_to_be(recorded, acts):
    world = World(recorded=recorded)
    for act in acts:
        world.act(act)
    ever = bool(world.pieces or world.waiting)
    world.take(end(world.second), heard=ever)
    world.act("cut")
    assert [event["time"] for event in events(world.pieces)] == world.expected
    assert [piece.info.number for piece in world.pieces] == [*range(1, len(world.pieces) + 1)]
    assert [piece.info.last for piece in world.pieces][-1:] == [True] * ever
    assert not world.recorder.runs


def test_a_session_that_ended_is_forgotten():
    recorder = Recorder()
    for each in (start(1), end(2)):
        recorder.take(each)
    (piece,) = recorder.cut()
    assert recorder.state() == {}
    again = Recorder()
    again.made(piece.info)
    assert not again.runs
