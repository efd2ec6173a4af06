import pytest

from pgward.audit.chain.written import record_in
from pgward.audit.tape import answers
from pgward.audit.tape.segments import path_of
from pgward.tunnel.edge.auditor.shelf import Chained
from pgward.tunnel.edge.auditor.source import TapeFiles
from tests.fixtures.taped import Taped

NONE = Chained(0, "")


@pytest.fixture
def taped(tmp_path):
    made = Taped(tmp_path)
    made.session(queries=2, ended=False)
    return made


@pytest.fixture
def files(tmp_path):
    return TapeFiles(tmp_path, "edge-1")


def told(records):
    return [record_in(each) if isinstance(each, tuple) else each for each in records]


def kinds(records):
    return [each["type"] for each in told(records)]


def test_a_tape_is_opened_and_gone_on_with_where_it_was_left(files, taped):
    assert files.boots() == [taped.boot]
    tape = files.open(taped.boot, None, NONE)
    assert kinds(tape.records()) == ["SESSION_START", "QUERY", "QUERY"]
    taped.query(1, "select 'more'")
    again = files.open(taped.boot, tape.mark(), NONE)
    (record,) = told(again.records())
    assert (record["text"], record["user"], record["edge"]) == ("select 'more'", "alice", "edge-1")
    for each in (tape, again):
        each.close()
    taped.close()


def test_a_tape_that_is_done_is_removed(files, taped, tmp_path):
    taped.close()
    files.remove(taped.boot)
    files.remove(taped.boot)
    assert (files.boots(), list((tmp_path / "tape").iterdir())) == ([], [])


def test_there_is_nothing_at_first(files):
    assert files.boots() == []


def test_a_tape_of_another_run_is_read_when_nobody_writes_it_any_more(tmp_path):
    own, other = (answers.run_of(answers.new_key()) for _ in range(2))
    mine, foreign = Taped(tmp_path, run=own), Taped(tmp_path, run=other)
    files = TapeFiles(tmp_path, "edge-1", own)
    assert files.boots() == [mine.boot]
    assert TapeFiles(tmp_path, "edge-1", other).boots() == [foreign.boot]
    foreign.close()
    assert files.boots() == sorted([mine.boot, foreign.boot])
    files.remove(foreign.boot)
    assert files.boots() == [mine.boot]
    mine.close()


def test_tapes_that_are_half_full_are_counted(files, taped, tmp_path, monkeypatch):
    assert files.pressing == 0
    for number in range(3, 8):
        path_of(tmp_path / "tape" / taped.boot, number).touch()
    assert files.pressing == 0
    monkeypatch.setattr("pgward.tunnel.edge.auditor.source.MOST_SEGMENTS", 10)
    assert files.pressing == 1
