"""What is long is told whole once in a session, however often it is executed."""

import hashlib
import json

import pytest

from pgward.audit.records.items import MOST_REPEATED, SHOWN
from pgward.audit.records.joining import Joiner
from pgward.pgwire import backend as b
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message
from tests.fixtures.talk import Talk

LONG = "select " + "ü" * MOST_REPEATED
IDLE, OPEN = b.ready(b"I"), b.ready(b"T")
PARSED, BOUND, SUSPENDED = message(b"1"), message(b"2"), message(b"s")
DONE = b.command_complete("SELECT 1")
RUN = f.bind("", "s"), f.execute(), f.sync()
RUN_UNNAMED = f.bind("", ""), f.execute(), f.sync()


def executions(talk):
    """Return what the executions say, once it is the same in all ways to read the tape."""
    found = talk.records(finish=True)
    assert talk.records_restored() == found
    steady, _ = talk.lines(finish=True)
    ends = range(1, len(talk.frames))
    assert talk.lines(finish=True, restored_at=ends)[0] == steady
    assert [json.loads(line) for line in steady] == found
    return [each for each in found if not each["type"].startswith("SESSION")]


def is_brief(record, whole):
    data = LONG.encode()
    return (
        record["text"] == LONG[:SHOWN]
        and record["text_sha256"] == hashlib.sha256(data).hexdigest()
        and record["text_bytes"] == len(data)
        and record["of"] == whole["id"]
        and "pieces" not in record
    )


def test_a_statement_with_a_name_is_told_by_its_parse():
    talk = Talk().up(f.parse("s", LONG), f.sync()).down(PARSED, IDLE)
    for _ in range(3):
        talk.up(*RUN).down(BOUND, DONE, IDLE)
    parse, *executed = executions(talk)
    assert (parse["type"], parse["text"]) == ("PARSE", LONG)
    assert not {"of", "text_sha256", "text_bytes"} & set(parse)
    assert all(is_brief(each, parse) for each in executed)


def test_one_that_was_parsed_and_executed_at_once_is_told_by_its_parse():
    talk = Talk().up(f.parse("s", LONG), *RUN).down(PARSED, BOUND, DONE, IDLE)
    talk.up(f.bind("", "s"), f.execute(), *RUN).down(BOUND, DONE, BOUND, DONE, IDLE)
    parse, *executed = executions(talk)
    assert parse["text"] == LONG
    assert len(executed) == 3
    assert all(is_brief(each, parse) for each in executed)


@pytest.mark.parametrize("status", [IDLE, OPEN])
def test_a_statement_without_a_name_is_told_by_its_first_execution(status):
    talk = Talk().up(f.parse("", LONG), *RUN_UNNAMED).down(PARSED, BOUND, DONE, status)
    talk.up(*RUN_UNNAMED).down(BOUND, DONE, status)
    talk.up(f.bind("", ""), f.execute(), *RUN_UNNAMED).down(BOUND, DONE, BOUND, DONE, status)
    first, *others = executions(talk)
    assert (first["text"], "of" in first) == (LONG, False)
    assert len(others) == 3
    assert all(is_brief(each, first) for each in others)


def test_each_parse_tells_its_own():
    talk = Talk()
    for _ in range(2):
        talk.up(f.parse("", LONG), *RUN_UNNAMED).down(PARSED, BOUND, DONE, IDLE)
    assert [each["text"] for each in executions(talk)] == [LONG, LONG]


def test_a_text_that_is_not_long_stands_in_each_record():
    text = "x" * MOST_REPEATED
    talk = Talk().up(f.parse("s", text), f.sync()).down(PARSED, IDLE)
    for _ in range(2):
        talk.up(*RUN).down(BOUND, DONE, IDLE)
    assert [each["text"] for each in executions(talk)] == 3 * [text]


def test_that_something_was_masked_is_told_each_time():
    text = "alter role x password 'y'" + " " * MOST_REPEATED
    talk = Talk().up(f.parse("s", text), f.sync()).down(PARSED, IDLE)
    talk.up(*RUN).down(BOUND, DONE, IDLE)
    assert [each["sensitive"] for each in executions(talk)] == [True, True]


def test_the_parameters_of_a_portal_that_is_executed_again_and_again_are_told_once():
    values = [b"x" * (MOST_REPEATED // 2)] * 3
    talk = Talk().up(f.parse("", "select $1, $2, $3"), f.bind("p", "", values))
    talk.up(f.execute("p", 1), f.execute("p", 1), f.execute("p", 1), f.sync())
    talk.down(PARSED, BOUND, SUSPENDED, SUSPENDED, SUSPENDED, OPEN)
    first, *others = executions(talk)
    assert first["parameters"] == [value.decode() for value in values]
    for each in others:
        assert (each["of"], each["text"]) == (first["id"], "select $1, $2, $3")
        assert "parameters" not in each


def test_so_are_those_of_a_usual_execution():
    values = [b"x" * MOST_REPEATED, b"y"]
    talk = Talk().up(f.parse("s", LONG), f.sync()).down(PARSED, OPEN)
    talk.up(f.bind("", "s", values), f.execute(), f.sync()).down(BOUND, DONE, OPEN)
    talk.up(f.execute("", 1), f.execute("", 1), f.sync()).down(SUSPENDED, SUSPENDED, OPEN)
    parse, first, *others = executions(talk)
    assert (first["parameters"][1], first["of"]) == ("y", parse["id"])
    assert [(each["of"], "parameters" in each) for each in others] == 2 * [(first["id"], False)]


def test_a_long_name_that_postgresql_cuts_is_told_once():
    name = "n" * 50_000
    talk = Talk().up(f.bind("p", name), f.execute("p", 1), f.execute("p", 1), f.sync())
    talk.down(BOUND, SUSPENDED, SUSPENDED, OPEN)
    first, second = executions(talk)[-2:]
    assert (first["name"], len(second["name"]), second["of"]) == (name, 256, first["id"])


def test_a_long_deallocate_does_not_name_what_its_beginning_names():
    gone = "deallocate " + " " * (SHOWN - len("deallocate ") - 1) + "s2" + " " * MOST_REPEATED
    talk = Talk().up(f.parse("s", "select 1"), f.sync()).down(PARSED, IDLE)
    talk.up(f.parse("d", gone), f.sync()).down(PARSED, IDLE)
    talk.up(f.bind("", "d"), f.execute(), f.sync())
    talk.down(BOUND, b.command_complete("DEALLOCATE"), IDLE)
    talk.up(*RUN).down(BOUND, DONE, IDLE)
    assert "text" not in executions(talk)[-1]


def test_what_is_open_is_written_down_once():
    talk = Talk().up(f.parse("s", LONG), f.sync()).down(PARSED, IDLE)
    talk.up(*[each for _ in range(500) for each in (f.bind("", "s"), f.execute())], f.sync())

    joiner = Joiner("00000000000000aa", "edge1")
    joiner.join(talk.frames)
    assert len(json.dumps(joiner.state())) < 300_000


def test_what_a_client_calls_itself_is_whole_where_a_session_begins():
    talk = Talk(application="a" * 9000).up(f.query("select 1")).down(DONE, IDLE)
    start, query = talk.records()
    assert (len(query["application"]), len(start["application"])) == (256, 256)
    assert start["details"]["application"] == "a" * 9000
