import json

from pgward.audit.recording import sealing
from pgward.audit.recording.script import CLOSED, LOST, Reader, Script, moment
from pgward.audit.recording.told import Head, Outcome, Said, Told
from tests.fixtures.chunks import record
from tests.fixtures.recordings import IDENTITY, SESSION, change, end, pieces_of, result, start
from tests.unit.audit.recording.test_answers import ANSWER, READY, complete, description, row


def lines_of(*parts):
    return [sealing.unseal(piece.data, IDENTITY).splitlines() for piece in pieces_of(*parts)]


def read(*pieces):
    reader = Reader(SESSION)
    events = [event for piece in pieces for event in reader.feed(piece)]
    reader.end()
    return reader, events


def played(*records):
    reader, events = read(*lines_of(records))
    assert reader.problems == []
    return Script().show(events)


def text(shown):
    return "\n".join(line for each in shown for line in each.lines)


def test_a_session_with_results():
    said = record(2, parameters=["a'b", None, {"bytes": 9000, "sha256": "ff"}], rows=1)
    shown = played(start(1), said, result(2.001, ANSWER), end(5))
    lines = text(shown).splitlines()
    assert lines[0].startswith("-- alice as app in shop, from 10.0.0.7")
    assert lines[2:4] == ["[00:01.000] select 2", "-- $1 = 'a''b', $2 = NULL, $3 = (9000 bytes)"]
    assert lines[6:9] == ["1 | crème", "(1 row)", "SELECT 1  (0.2 ms)"]
    assert lines[-1] == "[00:04.000] -- the session ended: the client left"


def test_a_session_that_is_recorded_otherwise_since_it_runs():
    off = change(5, recording="none", recipient=None, reason="not at all now")
    shown = text(played(
        start(1, recording="none", recipient=None),
        change(2), record(3, rows=1), result(3.001, ANSWER),
        result(4, ANSWER[:30]), off, record(6), change(7), record(8), result(8.001, ANSWER), end(9),
    ))  # fmt: skip
    lines = shown.splitlines()
    assert lines[0].startswith("-- alice as app in shop, from 10.0.0.7")
    assert lines[1:4] == ["[00:00.000] -- it changed", "", "[00:01.000] select 3"]
    cut = lines.index("(what followed was not recorded)")
    assert lines[cut + 1 : cut + 5] == [
        "[00:03.000] -- it changed", "", "[00:05.000] -- it changed", ""
    ]  # fmt: skip
    assert shown.count("1 | crème") == 2
    assert "select 6" not in shown


def test_how_statements_end():
    shown = text(played(
        start(1),
        record(2, status="error", sqlstate="42P01", message="no such table", commands=[]),
        record(3, type="DENIED", status="denied", rule="no-drop", reason="ask first"),
        record(4, type="FUNCTION_CALL", function=77, status="ok", commands=[]),
        record(5, type="CANCEL", reason="somebody asked"),
        record(6, type="PARSE", text="not shown"),
        record(5, type="CANCEL"),
        record(6, type="NOTICE", details={"notice": "2 s left"}),
        record(7, text="select '", text_bytes=70_000, pieces=2),
    ))  # fmt: skip
    assert "ERROR 42P01: no such table  (0.2 ms)" in shown
    assert "DENIED by no-drop: ask first" in shown
    assert "(function 77)" in shown
    assert "-- cancel: somebody asked\n" in shown
    assert "-- cancel\n" in shown
    assert "-- notice: 2 s left\n" in shown
    assert "not shown" not in shown
    assert "select '… (70000 bytes)" in shown


def test_pieces_that_are_missing_changed_or_lost_are_told():
    one, two, three = lines_of([start(1)], [record(2)], [record(3)])
    assert read(one, two, three)[0].problems == []
    assert read(one, three)[0].problems == ["piece 2 is missing"]
    assert read(three)[0].problems == ["pieces 1 to 2 are missing"]
    changed = [two[0], two[1].replace(b"select 2", b"select 9")]
    (problem,) = read(one, changed, three)[0].problems
    assert problem == "piece 3: a piece does not follow the one before"
    sha256 = read(one, two)[0].hashes[2]
    lost = json.dumps({"type": "LOST", "piece": 2, "why": "it is gone", "sha256": sha256}).encode()
    assert read(one, [lost], three)[0].problems == ["piece 2 cannot be read: it is gone"]


def test_rows_that_were_described_long_before():
    described = description(("n", 23)) + READY
    value = row(b"\0\0\0\x2a") + complete() + READY
    shown = text(played(
        start(1),
        record(2, type="PARSE", name="s1"), result(2.001, described),
        record(3, type="EXECUTE", name="s1", rows=1), result(3.001, value),
        record(4, type="EXECUTE", name="s1", rows=1), result(4.001, value),
    ))  # fmt: skip
    assert shown.count("\n42\n") == 2
    assert "select 2" not in shown


def test_an_answer_that_is_lost():
    events = [start(1), record(2, rows=1), result(2.001, b"") | {"lost": True, "data": ""}]
    shown = Script().show(events)
    assert LOST in text(shown).splitlines()


def test_an_end_without_a_reason():
    shown = text(played(start(1), end(2) | {"reason": CLOSED}))
    assert shown.splitlines()[-1] == "[00:01.000] -- the session ended"


def test_the_hashes_are_those_of_the_edge():
    pieces = pieces_of([start(1)], [record(2)])
    opened = [sealing.unseal(piece.data, IDENTITY).splitlines() for piece in pieces]
    hashes = read(*opened)[0].hashes
    assert hashes == {piece.info.number: piece.info.sha256 for piece in pieces}


def test_a_statement_that_follows_at_once_stands_behind_the_end_of_the_one_before():
    shown = text(played(start(1), record(2, rows=1), record(2.001), result(2.002, ANSWER)))
    lines = [line for line in shown.splitlines() if line]
    assert [line[:10] for line in lines[1:5]] == [
        "[00:01.000",
        "SELECT 1  ",
        "[00:01.001",
        "n |  word",
    ]


def test_scenes_have_what_a_page_shows():
    said = record(2, rows=1)
    _, events = read(*lines_of([start(1), said, result(2.001, ANSWER), end(5)]))
    head, statement, table, outcome, last = Script().play(events)
    assert isinstance(head.things[0], Head)
    assert statement.things == [Said(events[1])]
    assert table.things[0].rows == [["1", "crème"]]
    assert outcome.things == [Outcome(events[1]), ""]
    assert [each.time for each in (statement, outcome, last)] == [
        moment(said["time"]), moment(said["time"]) + 250, moment(end(5)["time"])
    ]  # fmt: skip
    assert last.things == [Told("the session ended: the client left")]


def test_a_script_weighs_what_it_holds():
    _, events = read(*lines_of([start(1), record(2, rows=1), result(2.001, ANSWER[:40])]))
    script = Script()
    script.play(events)
    assert script.weight > 0


def test_what_had_begun_has_no_end_where_events_are_left_out():
    _, events = read(*lines_of([start(1), record(2, rows=1), result(2.001, ANSWER[:40])]))
    script = Script()
    script.play(events)
    script.skip()
    assert script.weight == 0
