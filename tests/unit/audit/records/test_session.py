"""Transcripts: what passed, and what is on record of it."""

import pytest

from pgward.audit.tape.frames import run
from pgward.pgwire import backend as b
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message
from tests.fixtures.talk import Talk

PARSED, BOUND, CLOSED = message(b"1"), message(b"2"), message(b"3")
NO_DATA, EMPTY, SUSPENDED = message(b"n"), message(b"I"), message(b"s")
READY, BLOCK, FAILED = b.ready(b"I"), b.ready(b"T"), b.ready(b"E")
ZERO = b.error("ERROR", "22012", "division by zero")
COPY_IN, COPY_OUT = (b.copy_response(kind, 0, [0]) for kind in (b"G", b"H"))


def done(tag):
    return b.command_complete(tag)


def extended(*values, name="", text="select $1", types=(), formats=()):
    """Parse, Bind, Describe, Execute, Sync."""
    return [
        f.parse(name, text, types),
        f.bind("", name, values, formats=formats),
        f.describe(b"P"),
        f.execute(),
        f.sync(),
    ]


def test_a_simple_query_is_one_record():
    talk = Talk().up(f.query("select 1")).down(run(1, 5), done("SELECT 1"), READY)
    record = talk.records()[1]
    assert record == {
        "id": f"00000000000000aa-{talk.frames[1].position:x}",
        "type": "QUERY",
        "time": "2023-11-14T22:13:20.000010Z",
        "session": "00000000000000aa-1",
        "edge": "edge1",
        "user": "alice",
        "service": "shop",
        "database": "app",
        "role": "app",
        "statement": 1,
        "text": "select 1",
        "commands": ["SELECT 1"],
        "rows": 1,
        "bytes": 5,
        "duration_us": 10,
        "status": "ok",
    }


@pytest.mark.parametrize(
    ("tag", "runs", "rows"),
    [
        ("INSERT 0 3", (), 3),
        ("UPDATE 7", (), 7),
        ("UPDATE 2", (2, 30), 2),
        ("CREATE TABLE", (), None),
        ("SELECT 0", (), 0),
    ],
)
def test_rows_are_those_that_came_or_those_of_the_tag(tag, runs, rows):
    talk = Talk().up(f.query("x")).down(*([run(*runs)] if runs else []), done(tag), READY)
    assert talk.told("commands", "rows") == [([tag], rows)]


def test_several_statements_of_one_message_are_one_record_with_all_tags():
    talk = Talk().up(f.query("insert…; select 1; select 2"))
    talk.down(done("INSERT 0 2"), run(3, 9), done("SELECT 3"), run(1, 1), done("SELECT 1"), READY)
    assert talk.told("commands", "rows", "bytes", "status") == [
        (["INSERT 0 2", "SELECT 3", "SELECT 1"], 6, 10, "ok")
    ]


def test_an_error_is_told_with_what_was_done_before_it():
    talk = Talk().up(f.query("select 1; select 1/0")).down(run(1, 1), done("SELECT 1"))
    talk.down(ZERO, READY)
    assert talk.told("commands", "status", "sqlstate", "message") == [
        (["SELECT 1"], "error", "22012", "division by zero")
    ]


def test_an_empty_query_is_on_record():
    assert Talk().up(f.query("")).down(EMPTY, READY).told("text", "status") == [("", "ok")]


def test_answers_may_come_in_any_parts():
    talk = Talk().up(f.query("select 1"), f.query("select 2")).down(run(1, 5))
    talk.down(run(2, 5)).down(done("SELECT 3")).down(READY, done("SELECT 1"), READY)
    assert talk.told("text", "rows", "duration_us") == [("select 1", 3, 40), ("select 2", 1, 40)]


def test_an_execution_is_one_record_with_text_and_parameters():
    talk = (
        Talk()
        .up(*extended(b"x", None))
        .down(PARSED, BOUND, NO_DATA, run(1, 4), done("SELECT 1"), READY)
    )
    assert talk.told("type", "text", "parameters", "rows", "status") == [
        ("EXECUTE", "select $1", ["x", None], 1, "ok")
    ]


def test_a_named_statement_is_on_record_once_and_its_executions_each():
    talk = Talk().up(f.parse("s", "select $1", [23]), f.sync()).down(PARSED, READY)
    for number in (7, 8):
        talk.up(
            f.bind("", "s", [bytes([0, 0, 0, number])], formats=[1]), f.execute(), f.sync()
        ).down(BOUND, run(1, 1), done("SELECT 1"), READY)
    assert talk.told("type", "name", "text", "parameters") == [
        ("PARSE", "s", "select $1", None),
        ("EXECUTE", "s", "select $1", ["7"]),
        ("EXECUTE", "s", "select $1", ["8"]),
    ]


def test_types_that_the_server_described_explain_binary_parameters():
    talk = Talk().up(f.parse("s", "select $1"), f.describe(b"S", "s"), f.flush())
    talk.down(PARSED, b.parameter_description([20]))
    talk.up(f.bind("", "s", [bytes(7) + b"\5"], formats=[1]), f.execute(), f.sync())
    talk.down(BOUND, done("SELECT 1"), READY)
    assert talk.told("type", "parameters")[1:] == [("EXECUTE", ["5"])]


def test_a_portal_that_is_fetched_in_parts_makes_a_record_a_part():
    talk = Talk().up(f.parse("", "select"), f.bind("c", ""), f.execute("c", 2), f.flush())
    talk.down(PARSED, BOUND, run(2, 8), SUSPENDED)
    talk.up(f.execute("c", 2), f.close(b"P", "c"), f.sync())
    talk.down(run(1, 4), done("SELECT 1"), CLOSED, READY)
    assert talk.told("type", "portal", "rows", "commands", "status") == [
        ("EXECUTE", "c", 2, None, "ok"),
        ("EXECUTE", "c", 1, ["SELECT 1"], "ok"),
        ("CLOSE", "c", None, None, "ok"),
    ]


def test_what_is_never_executed_has_records_of_its_own():
    talk = Talk().up(f.parse("", "select $1"), f.describe(b"S"), f.sync())
    talk.down(PARSED, b.parameter_description([25]), READY)
    talk.up(f.bind("", "", [b"x"]), f.sync()).down(BOUND, READY)
    assert talk.told("type", "text", "parameters", "status") == [
        ("PARSE", "select $1", None, "ok"),
        ("BIND", "select $1", ["x"], "ok"),
    ]


def test_behind_an_error_all_is_skipped_up_to_the_sync():
    talk = (
        Talk()
        .up(*extended(text="selec"), *extended(b"y"))
        .down(b.error("ERROR", "42601", "syntax error"), READY)
    )
    talk.down(PARSED, BOUND, done("SELECT 1"), READY)
    assert talk.told("type", "text", "status", "sqlstate", "failed_at") == [
        ("EXECUTE", "selec", "error", "42601", "PARSE"),
        ("EXECUTE", "select $1", "ok", None, None),
    ]


def test_an_execution_that_is_sent_after_its_error_tells_of_it():
    talk = Talk().up(f.parse("", "selec"), f.flush()).down(ZERO).up(f.bind("", "", [b"x"]))
    talk.up(f.execute(), f.parse("t", "x"), f.sync()).down(READY)
    talk.up(f.bind("", "t"), f.execute(), f.sync()).down(ZERO, READY)
    assert talk.told("type", "text", "parameters", "status", "failed_at") == [
        ("EXECUTE", "selec", ["x"], "error", "PARSE"),
        ("PARSE", "x", None, "skipped", None),
        ("EXECUTE", None, None, "error", "BIND"),
    ]


def test_who_never_syncs_is_not_kept_in_memory():
    talk = Talk().up(f.parse("", "selec"), f.flush()).down(ZERO)
    for _ in range(3000):
        talk.up(f.execute())
    assert len(talk.records()) > 2000


def test_what_is_sent_after_an_error_is_skipped_too():
    talk = Talk().up(f.parse("", "selec"), f.flush()).down(ZERO)
    talk.up(f.parse("", "select 2"), f.query("select 3"), f.sync(), f.query("select 4"))
    talk.down(READY, done("SELECT 1"), READY)
    assert talk.told("text", "status") == [
        ("selec", "error"),
        ("select 2", "skipped"),
        ("select 3", "skipped"),
        ("select 4", "ok"),
    ]


def test_a_name_means_what_it_did_before_when_a_parse_is_skipped():
    talk = Talk().up(f.parse("s", "old"), f.sync()).down(PARSED, READY)
    talk.up(f.bind("", "s"), f.execute(), f.close(b"S", "s"), f.parse("s", "new"), f.sync())
    talk.down(BOUND, ZERO, READY)
    talk.up(f.bind("", "s"), f.execute(), f.sync()).down(BOUND, done("SELECT 1"), READY)
    assert talk.told("type", "text", "status")[-1] == ("EXECUTE", "old", "ok")


def test_a_bind_that_fails_is_told_with_its_parameters():
    talk = Talk().up(*extended(b"x")).down(PARSED, b.error("ERROR", "22P02", "not a number"), READY)
    assert talk.told("type", "parameters", "status", "failed_at") == [
        ("EXECUTE", ["x"], "error", "BIND")
    ]


def test_only_the_first_execution_of_what_failed_is_an_error():
    talk = Talk().up(f.parse("", "selec"), *2 * [f.bind("", ""), f.execute()], f.sync())
    talk.down(b.error("ERROR", "42601", "syntax error"), READY)
    assert talk.told("type", "status") == [("EXECUTE", "error"), ("EXECUTE", "skipped")]


def test_a_commit_that_fails_at_the_sync_is_on_record():
    talk = Talk().up(*extended()).down(PARSED, BOUND, NO_DATA, done("INSERT 0 1"))
    talk.down(b.error("ERROR", "23503", "violates foreign key"), READY)
    assert talk.told("type", "status", "sqlstate") == [
        ("EXECUTE", "ok", None),
        ("COMMIT", "error", "23503"),
    ]


def test_copy_out_is_told_with_rows_and_bytes():
    talk = Talk().up(f.query("copy t to stdout")).down(COPY_OUT, run(90, 5000))
    talk.down(message(b"c"), done("COPY 100"), READY)
    assert talk.told("type", "direction", "rows", "bytes", "status") == [
        ("COPY", "out", 100, 5000, "ok")
    ]


def test_copy_in_is_told_with_rows_and_bytes():
    talk = Talk().up(f.query("copy t from stdin")).down(COPY_IN).say(6 - 1, run(3, 70))
    talk.up(f.copy_done()).down(done("COPY 4"), READY)
    assert talk.told("type", "direction", "rows", "bytes") == [("COPY", "in", 4, 70)]


def test_a_copy_that_the_client_gives_up_is_an_error():
    talk = Talk().up(f.query("copy t from stdin")).down(COPY_IN)
    talk.up(f.copy_fail("no")).down(b.error("ERROR", "57014", "COPY failed"), READY)
    talk.up(f.query("select 1")).down(done("SELECT 1"), READY)
    assert talk.told("type", "status") == [("COPY", "error"), ("QUERY", "ok")]


def test_a_sync_during_copy_data_is_answered_by_nothing():
    talk = Talk()
    talk.up(f.parse("", "copy"), f.bind("", ""), f.execute(), f.sync()).down(PARSED, BOUND, COPY_IN)
    talk.up(f.sync(), f.copy_done(), f.sync()).down(done("COPY 1"), READY)
    talk.up(f.query("select 1")).down(done("SELECT 1"), READY)
    assert talk.told("type", "status", "duration_us") == [("COPY", "ok", 30), ("QUERY", "ok", 10)]


def test_a_denied_statement_is_told_with_its_rule():
    talk = Talk().say(
        7 - 1, {"rule": "no-drop", "reason": "ask first", "kind": "query", "place": 0}
    )
    talk.up(f.query("drop table t")).down(b.error("ERROR", "42501", "ask first"), READY)
    assert talk.told("type", "denied", "text", "rule", "reason", "status", "sqlstate") == [
        ("DENIED", "QUERY", "drop table t", "no-drop", "ask first", "denied", "42501")
    ]


def test_the_execution_of_a_denied_parse_is_told_with_its_rule():
    denied = {"rule": "no-drop", "reason": "ask first", "place": 0}
    for name in ("", "s"):
        talk = Talk().say(6, denied).up(f.parse(name, "drop table t"))
        talk.up(f.bind("", name), f.execute(), f.sync())
        talk.down(b.error("ERROR", "42501", "ask first"), READY)
        (found, *more) = talk.told("type", "denied", "text", "rule", "status", "sqlstate")
        assert found == ("DENIED", "PARSE", "drop table t", "no-drop", "denied", "42501")
        assert [record[4] for record in more] == (["skipped"] if name else [])


def test_a_function_call_is_told_by_its_oid():
    call = f.function_call(1299, [b"x"], formats=[0])
    talk = Talk().up(call).down(run(1, 8), READY)
    assert talk.told("type", "function", "parameters", "status") == [
        ("FUNCTION_CALL", 1299, ["x"], "ok")
    ]


def test_statements_that_sql_deallocates_are_forgotten():
    talk = Talk().up(f.parse("a b", "old"), f.sync()).down(PARSED, READY)
    talk.up(f.query('DEALLOCATE "a b"')).down(done("DEALLOCATE"), READY)
    talk.up(f.bind("", "a b"), f.execute(), f.sync()).down(ZERO, READY)
    assert talk.told("type", "name", "text")[-1] == ("EXECUTE", "a b", None)


def test_what_is_in_flight_at_the_end_is_unknown():
    talk = Talk().up(f.query("select 1"), *extended(b"x")).close(reason="gone", sqlstate="08006")
    assert talk.told("type", "status") == [("QUERY", "unknown"), ("EXECUTE", "unknown")]
    assert talk.records()[-1]["reason"] == "gone"


def test_a_fatal_error_ends_the_statement_that_it_came_in():
    talk = Talk().up(f.query("select 1")).down(b.error("FATAL", "57P01", "terminated")).close()
    assert talk.told("status", "sqlstate") == [("error", "57P01")]


def test_how_a_session_ended():
    def ended(talk, **told):
        end = talk.close(**told).records()[-1]
        return end["status"], end.get("sqlstate"), end.get("reason")

    fatal = b.error("FATAL", "57P01", "terminated")
    cut = {"reason": "your account is blocked", "sqlstate": "57P01"}
    assert ended(Talk(), reason="the connection ended") == ("ok", None, "the connection ended")
    assert ended(Talk(), **cut) == ("error", "57P01", "your account is blocked")
    assert ended(Talk().down(fatal)) == ("error", "57P01", None)
    assert ended(Talk().up(f.query("select 1")).down(fatal)) == ("error", "57P01", None)
    failed = Talk().up(f.query("select 1/0")).down(ZERO, READY)
    assert ended(failed) == ("ok", None, None)
    assert ended(Talk().up(*extended(b"x")).down(ZERO)) == ("ok", None, None)


def test_a_fatal_error_while_idle_is_told_at_the_end():
    talk = Talk().down(b.error("FATAL", "57P05", "idle too long")).close(reason="closed")
    assert (talk.records()[-1]["sqlstate"], talk.records()[-1]["reason"]) == ("57P05", "closed")


def test_texts_of_errors_of_sensitive_statements_are_left_out():
    talk = Talk().say(8 - 1, {"sensitive": True}).up(f.query("alter role x password '***' y"))
    talk.down(b.error("ERROR", "42601", 'at or near "hunter2"'), READY)
    talk.up(f.query("select 1/0")).down(ZERO, READY)
    assert talk.told("message", "sensitive") == [(None, True), ("division by zero", None)]


def test_a_secret_that_came_on_tape_does_not_come_on_record():
    talk = Talk().up(f.query("alter role x password 'hunter2'")).down(done("ALTER ROLE"), READY)
    talk.up(*extended(b"hunter2", text="select 1 where password = $1"))
    talk.down(PARSED, BOUND, done("SELECT 0"), READY)
    assert "hunter2" not in str(talk.records())
    assert talk.told("parameters", "sensitive") == [(None, True), (["***"], None)]
