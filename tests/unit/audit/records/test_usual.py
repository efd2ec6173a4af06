import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.chain.encoding import encode
from pgward.audit.records.session import Session
from pgward.audit.records.usual import constant, is_quiet, read_answer
from pgward.audit.tape import frames
from pgward.audit.tape.frames import run
from pgward.pgwire import backend as b
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message
from tests.fixtures.talk import Talk

IDLE, OPEN = b.ready(b"I"), b.ready(b"T")
PARSED, BOUND, NO_DATA = message(b"1"), message(b"2"), message(b"n")
ROW = run(1, 7) + b.command_complete("SELECT 1")
RUN = f.execute() + f.sync()
PREPARE = (f.parse("s", "select $1") + f.sync(), PARSED + IDLE)
TEXT = b"select 'caf\xc3\xa9',\n\"x\", \xff"


def exchange(*messages):
    """What a client says and how it is answered, in one frame each."""
    *asked, answer = messages
    return b"".join(asked), answer


USUAL = {
    "a query": exchange(f.query("select 1"), ROW + IDLE),
    "a query whose text must be escaped": exchange(message(b"Q", TEXT + b"\0"), ROW + IDLE),
    "a query without a text": exchange(message(b"Q"), ROW + IDLE),
    "a query that opens a transaction": exchange(
        f.query("begin"), b.command_complete("BEGIN") + OPEN
    ),
    "an execution": exchange(f.bind("", "s", [b"12"]), RUN, BOUND + ROW + IDLE),
    "an execution that was described": exchange(
        f.bind("", "s", [b"12"]), f.describe(b"P"), RUN, BOUND + ROW + IDLE
    ),
    "an execution without rows": exchange(
        f.bind("", "s", [b"12"]),
        f.describe(b"P"),
        RUN,
        BOUND + NO_DATA + b.command_complete("UPDATE 3") + IDLE,
    ),
    "an execution in a transaction": exchange(f.bind("", "s", [b"12"]), RUN, BOUND + ROW + OPEN),
    "an execution in a transaction, without parameters": exchange(
        f.bind("", "s"), RUN, BOUND + ROW + OPEN
    ),
    "an execution without parameters": exchange(f.bind("", "s"), RUN, BOUND + ROW + IDLE),
    "values of all kinds": exchange(
        f.bind("", "s", [None, b"", b'say "hi"', b"postgres://u:p@h/d", b"\xff" * 9, b"x" * 9000]),
        RUN,
        BOUND + ROW + IDLE,
    ),
    "values in binary": exchange(
        f.bind("", "s", [b"\0\0\0\7", b"x"], formats=[1, 0], result_formats=[1]),
        RUN,
        BOUND + ROW + IDLE,
    ),
    "a statement without a name": exchange(
        f.parse("", "select $1, $2", [25, 23]),
        f.bind("", "", [b"a", b"\0\0\0\7"], formats=[0, 1]),
        f.describe(b"P"),
        RUN,
        PARSED + BOUND + ROW + IDLE,
    ),
    "a statement with a secret": exchange(
        f.parse("", "alter role x password $1"),
        f.bind("", "", [b"hunter2"]),
        RUN,
        PARSED + BOUND + b.command_complete("ALTER ROLE") + IDLE,
    ),
}
OTHERS = {
    "a query with a secret": exchange(f.query("alter role x password 'y'"), ROW + IDLE),
    "two answers to one query": exchange(f.query("select 1; select 2"), ROW + ROW + IDLE),
    "an error": exchange(f.query("x"), b.error("ERROR", "42601", "no") + IDLE),
    "half an answer": exchange(f.query("select 1"), ROW),
    "what makes statements forgotten": exchange(
        f.query("discard all"), b.command_complete("DISCARD ALL") + IDLE
    ),
    "two queries": exchange(f.query("select 1"), f.query("select 2"), ROW + IDLE),
    "the answer to something else": exchange(f.query("select 1"), BOUND + ROW + IDLE),
    "an execution that is answered as a query": exchange(f.bind("", "s", [b"1"]), RUN, ROW + IDLE),
    "a portal with a name": exchange(
        f.bind("p", "s", [b"1"]), f.execute("p"), f.sync(), BOUND + ROW + IDLE
    ),
    "a part of the rows": exchange(
        f.bind("", "s", [b"1"]), f.execute("", 1), f.sync(), BOUND + run(1, 7) + message(b"s")
    ),
    "a statement that nobody knows": exchange(f.bind("", "t", [b"1"]), RUN, BOUND + ROW + IDLE),
    "another statement than was parsed": exchange(
        f.parse("", "select $1"), f.bind("", "s", [b"1"]), RUN, PARSED + BOUND + ROW + IDLE
    ),
    "a statement that is given a name": exchange(
        f.parse("t", "select $1"), f.bind("", "t", [b"1"]), RUN, PARSED + BOUND + ROW + IDLE
    ),
    "a Bind that was not parsed": exchange(
        f.bind("", "s", [b"1"]), RUN, PARSED + BOUND + ROW + IDLE
    ),
    "a Bind that lies": exchange(
        message(b"B", b"\0s\0\0\0\0\1\0\0\0\x05"), RUN, BOUND + ROW + IDLE
    ),
    "a Bind without anything": exchange(message(b"B"), RUN, BOUND + ROW + IDLE),
    "a Parse without anything": exchange(
        message(b"P"), message(b"B"), RUN, PARSED + BOUND + ROW + IDLE
    ),
    "types that lie": exchange(
        message(b"P", b"\0select $1\0\0\x09"), f.bind("", ""), RUN, PARSED + BOUND + ROW + IDLE
    ),
    "a length that lies": (b"Q\0\0\0\x09select 1\0", ROW + IDLE),
    "next to nothing": (b"Q\0", ROW + IDLE),
    "nothing": (b"", ROW + IDLE),
    "only a Sync": exchange(f.sync(), IDLE),
}


def talk_of(*exchanges):
    talk = Talk()
    for asked, answer in exchanges:
        talk.up(asked).down(answer)
    return talk


def is_usual(talk):
    """Tell whether the last exchange was taken whole; the records are right in any case."""
    talk.records(finish=True)
    before = talk_of()
    before.frames = talk.frames[:-2]
    return talk.lines()[1] > before.lines()[1]


@pytest.mark.parametrize("name", USUAL)
def test_it_is_taken_whole(name):
    assert is_usual(talk_of(PREPARE, USUAL[name]))


@pytest.mark.parametrize("name", OTHERS)
def test_it_is_left_to_the_session(name):
    assert not is_usual(talk_of(PREPARE, OTHERS[name]))


def test_what_was_said_of_a_session_stands_in_every_record():
    talk = talk_of(USUAL["a query"]).say(frames.OPEN, {"user": "bob"})
    asked, answer = USUAL["a query"]
    talk.up(asked).down(answer)
    assert is_usual(talk)
    assert [json.loads(line)["user"] for line in talk.lines()[0]] == [
        *("alice", "alice"),
        *("bob", "bob"),
    ]


def test_half_a_surrogate_pair_is_left_to_the_session():
    assert constant({"user": "\ud800", "session": "1"})[0] == b""
    talk = Talk(user="\ud800")
    asked, answer = USUAL["a query"]
    assert not is_usual(talk.up(asked).down(answer))


@pytest.mark.parametrize(
    ("kind", "told"),
    [(frames.DENIED, {"place": 0, "rule": "r"}), (frames.NOTE, {"sensitive": True})],
)
def test_what_the_edge_said_before_is_left_to_the_session(kind, told):
    talk = Talk().say(kind, told)
    asked, answer = USUAL["a query"]
    assert not is_usual(talk.up(asked).down(answer))


def test_a_denied_statement_is_told_as_such_in_each_execution():
    denied = {"place": 0, "rule": "r", "reason": "no"}
    talk = Talk().say(frames.DENIED, denied).up(f.parse("", "x"), f.sync()).down(PARSED, IDLE)
    assert not is_usual(talk.up(f.bind("", ""), RUN).down(BOUND, ROW, IDLE))


def test_an_answer_is_known_by_how_it_ends():
    told = b'"commands":["SELECT 1"],"rows":1,"bytes":7'
    assert read_answer(ROW + IDLE) == (1, told, True)
    assert read_answer(BOUND + ROW + OPEN) == (2, told, False)
    assert read_answer(PARSED + BOUND + NO_DATA + ROW + OPEN) == (3, told, False)
    assert read_answer(b"") is None


def test_nothing_is_open_in_the_beginning():
    session = Session("b-", 1, {})
    assert is_quiet(session)
    session.up(64, 1, f.query("select 1"))
    assert not is_quiet(session)


PARTS = st.sampled_from(
    [
        f.query("select 1"), f.query("select 'x' password 'y'"), f.parse("", "select $1", [23]),
        f.parse("s", "select $1"), f.bind("", "", [b"x"]), f.bind("", "s", [b"12", None]),
        f.bind("p", "s", [b"1"]), f.describe(b"P"), f.describe(b"S", "s"), f.execute(),
        f.execute("", 1), f.execute("p"), f.sync(), f.close(b"S", "s"), f.copy_done(), b"Q\0\0",
    ]
)  # fmt: skip
ANSWERS = st.sampled_from(
    [
        ROW + IDLE, ROW + OPEN, ROW, IDLE, PARSED, BOUND, NO_DATA, b.error("ERROR", "22012", "z"),
        PARSED + BOUND + ROW + IDLE, BOUND + ROW + OPEN, b.command_complete("DEALLOCATE"),
        b.copy_response(b"G", 0, []), message(b"s"), message(b"I"), b.parameter_description([20]),
    ]
)  # fmt: skip
ASKED = st.lists(PARTS, max_size=4).map(b"".join)
ANSWERED = st.lists(ANSWERS, max_size=3).map(b"".join)
STEPS = (
    st.sampled_from([PREPARE, *USUAL.values(), *OTHERS.values()]).map(
        lambda pair: [(frames.UP, pair[0]), (frames.DOWN, pair[1])]
    )
    | ASKED.map(lambda data: [(frames.UP, data)])
    | ANSWERED.map(lambda data: [(frames.DOWN, data)])
    | st.sampled_from(
        [
            [(frames.OPEN, {"user": "bob"})],
            [(frames.DENIED, {"place": 0, "rule": "r", "reason": "no"})],
            [(frames.NOTE, {"sensitive": True})],
            [(frames.RESULT, b"rows")],
            [(frames.CLOSE, {"reason": "bye"})],
            [(frames.PIECE, frames.piece(0, 9, b"Q\0\0\0\x08"))],
        ]
    )
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(1, 2), STEPS), max_size=15), st.sets(st.integers(0, 30)))
def test_records_are_the_same_whatever_is_said_and_wherever_an_auditor_is_killed(steps, killed):
    talk = Talk()
    for session, said in steps:
        for kind, data in said:
            talk.say(kind, data, session=session)
    records = [encode(record) for record in talk.records(finish=True)]
    assert talk.lines(finish=True, restored_at=killed)[0] == records
