from dataclasses import dataclass, field

import pytest

from pgward.audit.recording import sealing
from pgward.audit.recording.answers import Table
from pgward.audit.recording.told import Outcome, Said
from pgward.ca.recordings import playback
from pgward.ca.recordings.playback import Playbacks
from pgward.ca.recordings.reading import GOAL_BYTES, Page
from tests.fixtures.chunks import record
from tests.fixtures.recordings import IDENTITY, SESSION, end, pieces_of, result, start
from tests.unit.audit.recording.test_answers import READY, complete, description, row

ROW = row(b"\0\0\0\x2a") + complete() + READY
PREPARED = record(2, type="PARSE", name="s1"), result(2.001, description(("n", 23)) + READY)


def execution(second):
    return record(second, type="EXECUTE", name="s1", rows=1), result(second + 0.001, ROW)


@dataclass
class Kept:
    """Pieces, of which so many as are asked for are read: one, or all up to a number."""

    pieces: list[bytes]
    asked: list[int] = field(default_factory=list)

    def read(self, edge, session, after, stretch):
        assert (edge, session) == ("e1", SESSION)
        self.asked.append(after)
        goal = stretch.goal or GOAL_BYTES
        until = len(self.pieces) if stretch.until is None else stretch.until
        found = self.pieces[after:until]
        found = found[:1] if goal < GOAL_BYTES else found
        last = after + len(found)
        return Page(b"".join(found), last, len(found), bool(found) and last == len(self.pieces))


@pytest.fixture
def kept():
    parts = [[start(1), *PREPARED], [*execution(3)], [*execution(4)], [end(5)]]
    return Kept([sealing.unseal(each.data, IDENTITY) for each in pieces_of(*parts)])


def shown(part):
    """Return what a part has of statements, values and ends."""
    found = []
    for scene in part.scenes:
        for thing in scene.things:
            if isinstance(thing, Table):
                found += thing.rows
            elif isinstance(thing, Said):
                found.append("said")
            elif isinstance(thing, Outcome):
                found.append(thing.text)
    return found


def test_one_part_after_the_other(kept):
    playbacks, after, found = Playbacks(kept.read), 0, []
    for _ in range(4):
        part = playbacks.part("e1", SESSION, after)
        assert part.problems == []
        found.append(shown(part))
        after = part.after
    assert found == [[], ["said", ["42"], "SELECT 1"], ["said", ["42"], "SELECT 1"], []]
    assert part.ended
    assert kept.asked == [0, 1, 2, 3]


def test_from_the_middle_what_went_before_is_read(kept):
    part = Playbacks(kept.read).part("e1", SESSION, 2)
    assert shown(part) == ["said", ["42"], "SELECT 1"]
    assert (part.problems, kept.asked) == ([], [0, 2])


def test_a_part_again_is_the_same(kept):
    playbacks = Playbacks(kept.read)
    first = playbacks.part("e1", SESSION, 1)
    assert playbacks.part("e1", SESSION, 1) == first
    assert playbacks.part("e1", SESSION, 2).problems == []
    assert kept.asked == [0, 1, 1, 2]


def test_what_lies_far_between_is_left_out(kept, monkeypatch):
    monkeypatch.setattr(playback, "_NEAR_BYTES", 1)
    monkeypatch.setattr(playback, "_NEAR_PIECES", 1)
    part = Playbacks(kept.read).part("e1", SESSION, 3)
    assert (shown(part), part.ended, part.problems) == ([], True, [])
    assert kept.asked == [0, 2, 3]
    monkeypatch.setattr(playback, "_NEAR_PIECES", 0)
    kept.asked.clear()
    part = Playbacks(kept.read).part("e1", SESSION, 2)
    assert shown(part) == ["said", ["42"], "SELECT 1"]
    assert kept.asked == [0, 2, 2]


def test_an_answer_that_begins_in_what_is_left_out(monkeypatch):
    monkeypatch.setattr(playback, "_NEAR_BYTES", 1)
    monkeypatch.setattr(playback, "_NEAR_PIECES", 0)
    parts = [[start(1), result(1.1, ROW[:9])], [result(2, ROW[9:])], [*execution(3)], [end(4)]]
    pieces = Kept([sealing.unseal(each.data, IDENTITY) for each in pieces_of(*parts)])
    part = Playbacks(pieces.read).part("e1", SESSION, 2)
    assert shown(part) == ["said", ["\\x0000002a"], "SELECT 1"]


def test_little_is_kept(kept, monkeypatch):
    monkeypatch.setattr(playback, "_MOST_KEPT", 1)
    playbacks = Playbacks(kept.read)
    for after in (0, 1, 0):
        playbacks.part("e1", SESSION, after)
    monkeypatch.setattr(playback, "_MOST_WEIGHT", -1)
    playbacks.part("e1", SESSION, 1)
    assert kept.asked == [0, 1, 0, 1]
    playbacks.part("e1", SESSION, 2)
    assert kept.asked[4:] == [1, 2]


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"type":"QUERY"}', b'{"type":"RESULT","time":"x","data":1}']
)
def test_what_is_no_recording_is_told(kept, line):
    kept.pieces[1] = kept.pieces[1].splitlines(keepends=True)[0] + line + b"\n"
    playbacks = Playbacks(kept.read)
    playbacks.part("e1", SESSION, 0)
    part = playbacks.part("e1", SESSION, 1)
    assert (part.scenes, part.problems) == ([], ["what follows piece 1 is no recording"])
    assert shown(playbacks.part("e1", SESSION, 2)) == ["said", ["42"], "SELECT 1"]


def test_pieces_that_are_gone(kept):
    del kept.pieces[:]
    part = Playbacks(kept.read).part("e1", SESSION, 3)
    assert (part.scenes, part.pieces, part.ended) == ([], 0, False)


@pytest.mark.parametrize("strange", [{"rows": "x"}, {"duration_us": "x"}, {"commands": [1]}])
def test_an_event_with_a_field_of_another_type_is_shown_without_it(strange):
    parts = pieces_of([start(1), record(2, **strange)], [end(5)])
    kept = Kept([sealing.unseal(each.data, IDENTITY) for each in parts])
    part = Playbacks(kept.read).part("e1", SESSION, 0)
    (said,) = (each for scene in part.scenes for each in scene.things if isinstance(each, Said))
    assert said.text == "select 2"
    assert not said.event.keys() & strange.keys()


def test_an_event_that_is_too_deep_to_be_read_is_told_of():
    deep = b'{"type":"NOTICE","details":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    read = Kept([deep]).read
    part = Playbacks(read).part("e1", SESSION, 0)
    assert (part.scenes, part.problems) == ([], ["what follows piece 0 is no recording"])
