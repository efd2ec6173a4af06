"""Statements before a ruling."""

import pytest

from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.tunnel.aware.gathering import MOST_GATHERED
from tests.fixtures.inspecting import DENIAL, Inspected, Rules, kinds

SYNC = frontend.sync()
NAMED = frontend.parse("s", "select 1") + SYNC
RUN = frontend.bind("", "s") + frontend.execute() + SYNC
PARSED = message(b"1") + backend.ready(b"I")


def asked(session: Inspected) -> list:
    found, session.rules.asked = session.rules.asked, []
    return found


def test_a_prepared_statement_is_asked_about_when_it_is_run():
    session = Inspected(Rules())
    session.up(NAMED)
    assert asked(session) == [("parse", b"select 1", True)]
    session.down(PARSED)
    session.up(RUN)
    assert asked(session) == [("execute", b"select 1", True)]


def test_what_is_parsed_and_run_at_once_is_asked_about_once():
    session = Inspected(Rules())
    session.up(frontend.parse("", "select 1") + frontend.bind("", "") + frontend.execute() + SYNC)
    assert asked(session) == [("parse", b"select 1", True)]


def test_what_nobody_knows_is_asked_about_without_a_text():
    session = Inspected(Rules())
    session.up(RUN)
    assert asked(session) == [("execute", None, True)]


def test_another_text_under_the_name_of_a_denied_one_does_not_help():
    """A Parse of a name that is taken fails, so the name still stands for the first text."""
    session = Inspected(Rules(word=b"never"))
    session.up(frontend.parse("s", "delete from t") + SYNC)
    session.down(PARSED)
    session.rules.word = b"delete"
    passed = session.up(frontend.parse("s", "select 1") + SYNC, RUN)
    assert kinds(passed) == "PSBPS"
    session.down(backend.error("ERROR", "42P05", "exists") + backend.ready(b"I"))
    assert kinds(session.up(RUN)) == "BPS"


def test_a_parse_that_is_ignored_does_not_help():
    session = Inspected(Rules(word=b"never"))
    session.up(frontend.parse("", "delete from t") + SYNC)
    session.down(PARSED)
    session.rules.word = b"delete"
    bad = frontend.parse("x", "selekt")
    session.up(bad + frontend.parse("", "select 1") + SYNC)
    session.down(backend.error("ERROR", "42601", "selekt") + backend.ready(b"I"))
    passed = session.up(frontend.bind("", "") + frontend.execute() + SYNC)
    assert kinds(passed) == "BPS"


def test_what_is_said_to_deaf_ears_is_not_remembered():
    session = Inspected(Rules())
    session.up(frontend.parse("", "selekt") + frontend.flush())
    session.down(backend.error("ERROR", "42601", "selekt"))
    session.up(frontend.parse("s", "select 1") + SYNC)
    session.down(backend.ready(b"I"))
    asked(session)
    session.up(RUN)
    assert asked(session) == [("execute", None, True)]


def test_a_large_statement_that_was_ruled_whole_is_so_again():
    session = Inspected(Rules())
    text = "select '" + "x" * 100_000 + "'"
    said = frontend.parse("s", text) + SYNC
    assert session.up(said[:65536], said[65536:]) == said
    session.down(PARSED)
    session.up(RUN)
    assert asked(session) == [("parse", text.encode(), True), ("execute", text.encode(), True)]


def test_a_statement_whose_beginning_is_known_is_ruled_by_that():
    session = Inspected(Rules())
    text = "select '" + "x" * MOST_GATHERED + "'"
    said = frontend.parse("s", text) + SYNC
    assert session.up(said[:65536], said[65536:]) == said
    session.down(PARSED)
    session.up(RUN)
    (_, first, whole), (_, again, whole_again) = asked(session)
    assert (whole, whole_again) == (False, False)
    assert first == again
    assert text.encode().startswith(first)


@pytest.mark.parametrize("kind", [b"P", b"B", b"E", b"C"])
def test_a_name_without_an_end_is_refused(kind):
    with pytest.raises(WireError, match="without an end"):
        Inspected(Rules()).up(message(kind, b"name"))


def test_rules_may_come_in_the_middle_of_a_session():
    session = Inspected()
    session.up(NAMED)
    session.down(PARSED)
    # in flight as the rules come: a Parse and a Bind that nobody has looked at
    session.up(frontend.parse("late", "delete from t") + frontend.bind("p", "late"))
    session.rules = Rules()
    session.upward.rule(session.rules)
    session.up(frontend.execute("p") + RUN)
    assert asked(session) == [("execute", None, True)] * 2
    session.down(message(b"1") + message(b"2") + backend.command_complete("DELETE 1"))
    session.down(message(b"2") + backend.command_complete("SELECT 1") + backend.ready(b"I"))
    assert session.exchange.idle
    session.up(frontend.parse("s", "select 2") + SYNC)
    session.down(PARSED)
    asked(session)
    session.up(RUN)
    assert asked(session) == [("execute", b"select 2", True)]
    session.down(backend.parameter_status("client_encoding", "LATIN1"))
    assert session.rules.settings == [("client_encoding", "LATIN1")]
    assert session.up(frontend.query("delete from t")) != frontend.query("delete from t")


def test_rules_that_come_in_the_middle_of_a_message_count_for_it():
    session = Inspected()
    said = frontend.query("delete from t")
    session.up(said[:8])
    session.rules = Rules()
    session.upward.rule(session.rules)
    assert b"pgward_denied" in session.up(said[8:])
    large = frontend.query("delete" + " " * 100_000)
    assert b"pgward_denied" in session.up(large)


ALTER = "alter role app password 'x'"


def glancing() -> Inspected:
    return Inspected(Rules(b"role app", every=False))


def test_where_no_policy_is_about_statements_only_suspicious_texts_are_asked_about():
    session = glancing()
    session.up(frontend.query("select 1"), NAMED, RUN)
    assert asked(session) == []
    assert kinds(session.up(frontend.query("alter table t add c int"))) == "Q"
    assert asked(session) == [("query", b"alter table t add c int", True)]


@pytest.mark.parametrize("reads", [1, 3, 1000])
def test_what_is_denied_then_is_replaced_as_ever(reads):
    for said in (frontend.query(ALTER), frontend.parse("a", ALTER) + RUN):
        session = glancing()
        out = b"".join(session.up(said[at : at + reads]) for at in range(0, len(said), reads))
        assert b"role app" not in out
        assert b"pgward_denied" in out
        assert session.tape.told[0]["rule"] == DENIAL.rule


def test_the_beginning_of_a_large_text_is_waited_for():
    session = glancing()
    said = frontend.query(" " * 1000 + ALTER + " " * 100_000)
    out = b"".join(session.up(said[at : at + 500]) for at in range(0, len(said), 500))
    assert b"role app" not in out
    assert b"pgward_denied" in out


def test_the_encoding_is_told_to_it_as_well():
    session = glancing()
    session.down(backend.parameter_status("client_encoding", "LATIN1"))
    assert session.rules.settings == [("client_encoding", "LATIN1")]


def test_it_is_ruled_from_now_on():
    session = glancing()
    session.up(NAMED)
    session.upward.rule(Rules())
    session.rules = session.pending.ruling
    session.down(PARSED)
    session.up(RUN)
    assert asked(session) == [("execute", None, True)]
