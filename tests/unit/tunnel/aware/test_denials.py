"""Denied statements: replaced on the way there, explained on the way back."""

import itertools

import pytest

from pgward.pgwire import backend, frontend
from pgward.pgwire.states import EXECUTE, FUNCTION_CALL, PARSE, QUERY
from pgward.tunnel.aware.denials import Denials, told, without_texts
from pgward.tunnel.aware.ruling import Denial, DeniedError
from tests.fixtures.inspecting import (
    DENIAL,
    SALT,
    Inspected,
    Rules,
    kinds,
    messages,
    pieces,
    split,
)

DELETE = frontend.query("delete from t")
SELECT = frontend.query("select 1")
PARSE_IT = frontend.parse("", "delete from t where a = $1")
REST = frontend.bind("", "", [b"1"]) + frontend.describe(b"P") + frontend.execute()
SYNC = frontend.sync()


def syntax_error(passed: bytes) -> bytes:
    """Return what PostgreSQL says to the first message that was put in another's place."""
    replaced = next(body for _, body in messages(passed) if b"pgward_denied" in body)
    word = replaced[replaced.index(b"pgward_denied") :].split()[0].decode()
    return backend.error(
        "ERROR", "42601", f'syntax error at or near "{word}"', position=1, routine="scanner_yyerror"
    )


EXPLAINED = told(backend.error("ERROR", "42601", "x")[5:], DENIAL)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (QUERY, "", frontend.query),
        (FUNCTION_CALL, "", frontend.query),
        (PARSE, "s1", lambda text: frontend.parse("s1", text)),
        (EXECUTE, "", lambda text: frontend.parse(f"pgward_denied_{SALT}_1", text)),
    ],
)
def test_what_takes_a_message_s_place(kind, name, expected):
    text = f"pgward_denied_{SALT}_1 -- by pgward's rule no deletes"
    assert Denials(SALT).deny(kind, name, DENIAL) == expected(text)


def test_a_rule_s_name_cannot_leave_its_comment():
    replaced = Denials(SALT).deny(QUERY, "", Denial("x\ndrop table t; --'\0é", "no"))
    assert b"rule x?drop table t? --???\0" in replaced


def test_an_error_is_of_the_denial_whose_word_it_quotes():
    denials = Denials(SALT)
    for number in range(3):
        denials.deny(QUERY, "", Denial(str(number), "no"))
    assert denials.of(b"Msyntax error at or near something\0") is None
    assert denials.of(b'at or near "pgward_denied_%s_2"' % SALT.encode()) == Denial("1", "no")
    assert len(denials) == 1
    assert denials.of(b'at or near "pgward_denied_%s_2"' % SALT.encode()) is None
    assert denials.of(b'at or near "pgward_denied_ffffffff_3"') is None
    denials.clear()
    assert len(denials) == 0


def test_what_the_client_is_told():
    error = backend.error("FEHLER", "42601", "Syntaxfehler", position=1)
    assert backend.read_fields(told(error[5:], DENIAL)[5:]) == {
        "S": "FEHLER",
        "V": "FEHLER",
        "C": "42501",
        "M": "nothing is deleted on a Friday",
        "D": "pgward's rule no deletes denies it",
    }


def test_an_error_without_its_texts():
    error = backend.error("ERROR", "42601", "secret", detail="secret", where="secret")
    assert b"secret holds" not in without_texts(error[5:])
    assert backend.read_fields(without_texts(error[5:])[5:])["C"] == "42601"


# --- in a session -----------------------------------------------------------------------


def test_a_query_that_is_allowed_passes_as_it_is():
    session = Inspected(Rules())
    assert session.upward.feed(memoryview(SELECT)) is None
    assert session.rules.asked == [("query", b"select 1", True)]
    assert session.tape.frames == [("UP", SELECT)]


def test_a_denied_query_is_replaced_and_its_error_explained():
    session = Inspected(Rules())
    passed = session.up(DELETE)
    assert kinds(passed) == "Q"
    assert b"delete from" not in passed
    denied = b'{"rule": "no deletes", "reason": "nothing is deleted on a Friday", '
    denied += b'"kind": "query", "place": 0}'
    assert session.tape.frames == [("DENIED", denied), ("UP", DELETE)]
    ready = backend.ready(b"I")
    assert session.down(syntax_error(passed) + ready) == EXPLAINED + ready
    assert session.tape.frames[2:] == [("DOWN", EXPLAINED + ready)]
    assert session.exchange.idle
    assert session.up(SELECT) == SELECT


def test_an_error_that_comes_in_pieces_is_explained():
    session = Inspected(Rules())
    error = syntax_error(session.up(DELETE))
    assert session.down(*(bytes([byte]) for byte in error)) == EXPLAINED


def test_a_denied_parse_among_others():
    session = Inspected(Rules())
    said = SELECT + PARSE_IT + REST + SYNC + SELECT
    passed = session.up(said)
    assert kinds(passed) == "QPBDESQ"
    assert session.tape.of("UP") == said
    assert [kind for kind, _ in session.tape.frames] == ["UP", "DENIED", "UP", "UP"]
    ready, done = backend.ready(b"I"), backend.command_complete("SELECT 1") + backend.ready(b"I")
    answer = done + syntax_error(passed) + ready + done
    assert session.down(answer) == done + EXPLAINED + ready + done
    assert session.exchange.idle


def test_a_denied_statement_that_was_skipped_is_forgotten():
    session = Inspected(Rules())
    bad = frontend.parse("", "selekt")
    session.up(bad + REST + PARSE_IT + REST + SYNC)
    other = backend.error("ERROR", "42601", 'syntax error at or near "selekt"')
    assert session.down(other) == other
    assert len(session.pending.denials) == 1
    session.down(backend.ready(b"I"))
    assert len(session.pending.denials) == 0
    assert not session.pending.marked


def test_a_denied_function_call_is_a_query_there():
    session = Inspected(Rules(word=b"1598"))
    said = frontend.function_call(1598, [b"x"])
    passed = session.up(said)
    assert kinds(passed) == "Q"
    assert session.rules.asked == [("function", b"1598", True)]
    assert session.down(syntax_error(passed)) == EXPLAINED


def test_a_denied_execute_is_a_parse_there():
    session = Inspected(Rules(word=b"later"))
    session.up(frontend.parse("s", "select 'now'") + frontend.bind("", "s") + SYNC)
    session.down(b"1\0\0\0\4" + b"2\0\0\0\4" + backend.ready(b"I"))
    session.rules.word = b"now"
    passed = session.up(frontend.execute() + SYNC)
    assert kinds(passed) == "PS"
    assert session.down(syntax_error(passed)) == EXPLAINED


@pytest.mark.parametrize("size", [65_000, 200_000, 1_000_000])
def test_a_large_statement_is_ruled_whole(size):
    session = Inspected(Rules())
    said = frontend.query("select '" + "x" * size + "'; delete from t")
    passed = session.up(*split(said, itertools.cycle([1000, 60_000])))
    assert kinds(passed) == "Q"
    assert len(passed) < 200
    [(kind, text, whole)] = session.rules.asked
    assert (kind, text, whole) == ("query", said[5:-1], True)
    kept = "UP" if size < 65_536 else "PIECE"
    assert [kind for kind, _ in session.tape.frames][:2] == ["DENIED", kept]
    assert max(len(data) for _, data in session.tape.frames) < 70_000
    assert session.up(SELECT) == SELECT


def test_a_large_statement_that_is_allowed_passes_with_its_last_byte():
    session = Inspected(Rules())
    said = SELECT + frontend.query("select '" + "x" * 200_000 + "'") + SELECT
    *first, last = split(said, itertools.repeat(60_000))
    assert session.up(*first) == SELECT
    assert session.up(last) == said[len(SELECT) :]
    assert pieces(session.tape) == said[len(SELECT) : -len(SELECT)]


def test_a_very_large_statement_is_ruled_by_its_beginning_and_dropped():
    session = Inspected(Rules())
    said = frontend.query("delete from t -- " + "x" * 2_000_000)
    passed = session.up(said[:1000], said[1000:60_000], said[60_000:100_000], said[100_000:])
    assert kinds(passed) == "Q"
    assert len(passed) < 200
    [(kind, text, whole)] = session.rules.asked
    assert (kind, len(text) > 60_000, whole) == ("query", True, False)
    assert [kind for kind, _ in session.tape.frames][:2] == ["DENIED", "PIECE"]
    assert session.up(SELECT) == SELECT


@pytest.mark.parametrize("every", [True, False])
def test_what_comes_too_late_to_be_replaced_ends_the_session(every):
    session = Inspected(Rules(every=every))
    said = frontend.query("select '" + "x" * 2_000_000 + "'; delete")
    reads = split(said, itertools.repeat(60_000))
    passed = session.up(*reads[:-1])
    assert said.startswith(passed)
    assert len(passed) == len(said) - len(reads[-1])
    with pytest.raises(DeniedError, match="nothing is deleted on a Friday") as caught:
        session.up(reads[-1])
    assert caught.value.sqlstate == "42501"


def test_a_very_large_statement_that_is_allowed_passes_as_it_comes():
    session = Inspected(Rules())
    said = frontend.query("select '" + "x" * 2_000_000 + "'") + SELECT
    reads = split(said, itertools.repeat(65_536))
    assert [session.up(read) for read in reads] == reads
    assert session.rules.seen == said[: -len(SELECT)]
    assert session.up(DELETE) != DELETE


def test_ten_thousand_denied_statements_in_a_row():
    session = Inspected(Rules())
    passed = session.up(*[DELETE * 100] * 100)
    words = [body.split()[0].decode() for _, body in messages(passed)]
    assert len(set(words)) == 10_000
    ready = backend.ready(b"I")
    errors = [backend.error("ERROR", "42601", f'at or near "{word}"') + ready for word in words]
    assert session.down(*errors) == (EXPLAINED + ready) * 10_000
