import logging

import pytest

from pgward.audit.chain.written import id_of
from pgward.tunnel.edge.auditor.checkpoint import Mark
from pgward.tunnel.edge.auditor.shelf import Chained
from tests.fixtures.fake_tapes import FakeTapes

NONE = Chained(0, "")


@pytest.fixture
def tapes():
    made = FakeTapes()
    made.write("a", 5, ended=False)
    return made


def ids(records):
    return [id_of(each) for each in records]


def test_a_tape_gives_its_records_in_rounds(tapes):
    tape = tapes.open("a", None, NONE)
    assert tape.behind == 5
    assert ids(tape.records()) == ["a-1", "a-2"]
    assert ids(tape.records()) == ["a-3", "a-4"]
    assert (tape.moved, tape.behind) == (True, 0)
    assert tape.records() == []
    assert (tape.moved, tape.finished) == (False, False)


def test_when_the_writer_is_gone_the_last_frames_come_first_and_then_the_end(tapes):
    tape = tapes.open("a", None, NONE)
    tape.records()
    tapes.write("a", 1)
    assert (ids(tape.records()), tape.finished) == (["a-3", "a-4", "a-5"], False)
    assert (ids(tape.records()), tape.finished, tape.moved) == (["a-end"], True, True)
    assert (tape.records(), tape.moved) == ([], True)
    tape.remove()
    assert tapes.boots() == []


def test_a_tape_that_cannot_be_removed_is_told_of(tapes, caplog):
    def refuse(_what):
        raise OSError("Read-only file system")

    tapes.before = refuse
    tapes.open("a", None, NONE).remove()
    assert "tape a is done, and cannot be removed: Read-only file system" in caplog.text


def test_a_mark_says_where_to_go_on(tapes):
    tape = tapes.open("a", None, NONE)
    tape.records()
    assert tape.mark() == Mark(3, {"last": "a 2"})
    again = tapes.open("a", tape.mark(), NONE)
    assert again.records()[0] == tape.records()[0]


def test_what_is_chained_already_is_left_out(tapes):
    tape = tapes.open("a", None, Chained(3, "a-3"))
    assert tape.repeats
    assert ids(tape.records()) == []
    assert (tape.repeats, tape.moved) == (True, True)
    assert ids(tape.records()) == ["a-4"]
    assert not tape.repeats


def test_other_records_than_before_are_told_of(tapes, caplog):
    tape = tapes.open("a", None, Chained(1, "a-7"))
    with caplog.at_level(logging.ERROR):
        assert ids(tape.records()) == ["a-2"]
    assert "a-1 where a-7 was" in caplog.text


def test_what_is_settled_is_let_go(tapes):
    tape = tapes.open("a", None, Chained(1, "a-1"))
    tape.records()
    tape.settled(3)
    assert tapes.tapes["a"].kept_from == 3
    assert ids(tape.records()) == ["a-3", "a-4"]
    tape.close()
