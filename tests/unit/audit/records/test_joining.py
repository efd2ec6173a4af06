import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.records.joining import KILLED, Joiner
from pgward.audit.records.times import stamp
from pgward.audit.tape import frames
from pgward.audit.tape.frames import run
from pgward.core.errors import InvalidInputError
from pgward.pgwire import backend as b
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message
from tests.fixtures.talk import BOOT, Talk


def test_a_session_begins_and_ends_with_what_the_edge_knows():
    talk = Talk(client="192.0.2.1:5000", application="psql", mfa=True).close(
        reason="the client left", sqlstate=None, bytes_up=7
    )
    started, ended = talk.records()
    assert (started["client"], started["application"]) == ("192.0.2.1:5000", "psql")
    assert started["details"] == {"mfa": True}
    assert ended == {
        "id": f"{BOOT}-{talk.frames[1].position:x}",
        "type": "SESSION_END",
        "time": "2023-11-14T22:13:20.000010Z",
        **{
            key: value
            for key, value in started.items()
            if key not in {"id", "type", "time", "details"}
        },
        "statements": 0,
        "duration_us": 10,
        "reason": "the client left",
        "status": "ok",
        "details": {"bytes_up": 7},
    }


def test_sessions_are_told_apart():
    talk = Talk(session=1, user="alice")
    talk.say(frames.OPEN, {"user": "bob"}, session=2)
    talk.up(f.query("select 1")).say(frames.UP, f.query("select 2"), session=2)
    talk.say(frames.DOWN, b.command_complete("SELECT 2") + b.ready(), session=2)
    talk.down(b.command_complete("SELECT 1"), b.ready())
    assert talk.told("session", "user", "text") == [
        (f"{BOOT}-2", "bob", "select 2"),
        (f"{BOOT}-1", "alice", "select 1"),
    ]


def test_what_a_killed_worker_left_is_told_as_unknown():
    talk = Talk().up(f.query("select 1"))
    query, end = talk.records(finish=True)[1:]
    assert (query["type"], query["status"]) == ("QUERY", "unknown")
    assert (end["type"], end["status"], end["reason"]) == ("SESSION_END", "unknown", KILLED)


def test_notes_are_cancels_and_notices():
    talk = Talk().say(frames.NOTE, {"cancel": True, "client": "192.0.2.9"})
    talk.say(frames.NOTE, {"notice": "5 minutes left"}).say(frames.NOTE, b"no json")
    assert talk.told("type", "details") == [
        ("CANCEL", {"client": "192.0.2.9"}),
        ("NOTICE", {"notice": "5 minutes left"}),
        ("NOTICE", {"unreadable": 7}),
    ]


def test_a_refusal_before_any_session_is_on_record():
    talk = Talk()
    talk.say(frames.DENIED, {"user": "eve", "rule": "office", "reason": "no", "ip": "x"}, session=9)
    assert talk.told("type", "denied", "user", "rule", "status", "details") == [
        ("DENIED", "CONNECT", "eve", "office", "denied", {"ip": "x"})
    ]
    assert "session" not in talk.records()[-1]


def test_a_gap_of_the_tape_is_on_record_in_the_time_of_what_stands_before_it():
    talk = Talk()
    talk.say(frames.GAP, (4096).to_bytes(8, "big"), session=0)
    started, gap = talk.records()
    assert (gap["type"], gap["bytes"], gap["edge"]) == ("GAP", 4096, "edge1")
    assert gap["time"] == started["time"] != stamp(talk.frames[-1].time)
    assert "session" not in gap


@pytest.mark.parametrize("denied", [False, True])
def test_a_gap_before_all_sessions_has_a_time_all_the_same(denied):
    talk = Talk()
    talk.frames.clear()
    if denied:
        talk.say(frames.DENIED, {"user": "eve"}, session=9)
    talk.say(frames.GAP, bytes(8), session=0)
    assert talk.records()[-1]["time"] == stamp(talk.frames[0].time)


def test_frames_of_a_session_that_began_before_the_tape_are_on_record():
    talk = Talk()
    talk.frames.clear()
    talk.up(f.query("select 1")).down(b.command_complete("SELECT 1"), b.ready())
    assert talk.told("text", "edge", "user") == [("select 1", "edge1", None)]


def test_what_another_version_wrote_down_is_refused():
    with pytest.raises(InvalidInputError, match="another version"):
        Joiner.restore(BOOT, "edge1", {"version": 99})


UP = st.sampled_from(
    [
        f.query("select 1"), f.query("deallocate all"), f.parse("", "select $1"),
        f.parse("s", "select $1", [23]), f.bind("", "", [b"x"]), f.bind("p", "s", [b"12", None]),
        f.describe(b"S", "s"), f.describe(b"P"), f.execute(), f.execute("p", 1), f.close(b"S", "s"),
        f.close(b"P", "p"), f.sync(), f.flush(), f.copy_done(), f.copy_fail("no"), f.terminate(),
        f.function_call(1, [b"x"]), message(b"Q", b"no end"), message(b"B", b"x"), b"Q\0\0",
    ]
)  # fmt: skip
DOWN = st.sampled_from(
    [
        b.command_complete("SELECT 1"), b.command_complete("DEALLOCATE ALL"), b.ready(b"I"),
        b.ready(b"T"), b.error("ERROR", "22012", "zero"), message(b"1"), message(b"2"),
        message(b"3"), message(b"n"), message(b"I"), message(b"s"), run(1, 5), message(b"c"),
        b.parameter_description([23]), b.copy_response(b"G", 0, []), b.copy_response(b"H", 0, []),
        b.copy_response(b"W", 0, []), message(b"E", b"x"), message(b"t", b"\0\7"), message(b"C"),
    ]
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.just("up"), st.lists(UP, min_size=1, max_size=4))
    | st.tuples(st.just("down"), st.lists(DOWN, min_size=1, max_size=4)),
    max_size=15,
)


def talk_of(steps):
    talk = Talk()
    for way, messages in steps:
        getattr(talk, way)(*messages)
    return talk


@settings(max_examples=200)
@given(STEPS)
def test_a_joiner_put_together_again_goes_on_the_same(steps):
    talk = talk_of(steps)
    assert talk.records_restored() == talk.records(finish=True)


@settings(max_examples=200)
@given(STEPS)
def test_every_query_and_execution_has_one_record_whatever_is_said(steps):
    talk = talk_of(steps)
    records = talk.records(finish=True)
    ids = [record["id"] for record in records]
    assert len(ids) == len(set(ids))
    asked = [part for way, parts in steps if way == "up" for part in whole(parts)]
    told = [r for r in records if r["type"] in {"QUERY", "EXECUTE", "COPY", "FUNCTION_CALL"}]
    assert len(told) == sum(part[:1] in (b"Q", b"E", b"F") for part in asked)
    assert all("status" in record for record in told)


def whole(parts):
    """What is read of messages: nothing any more behind one that is cut off."""
    for part in parts:
        if part == b"Q\0\0":
            return
        yield part


@given(st.sampled_from(sorted(frames.KINDS)), st.binary(max_size=80))
def test_no_frame_is_too_odd(kind, data):
    talk = Talk().up(f.query("select 1"))
    if kind == frames.PIECE and len(data) < 16:
        return
    talk.say(kind, data).down(b.ready()).records(finish=True)
