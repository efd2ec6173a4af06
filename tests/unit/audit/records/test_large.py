import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.records.large import Large
from pgward.pgwire import backend as b
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message
from tests.fixtures.talk import Talk

TEXT = "select '" + "aü€" * 50 + "'"


def fed(whole, cut):
    large, texts = Large(whole[0], "b-", 64, 1, None), []
    for at in range(0, len(whole), cut):
        texts.append(large.feed(whole[at : at + cut]))
        large = Large.restored(json.loads(json.dumps(large.state()))) if cut % 2 else large
    return large, "".join(texts)


@given(st.integers(1, 400))
def test_the_pieces_of_a_text_give_it_back(cut):
    for whole in (f.query(TEXT), f.parse("name", TEXT, [23, 25])):
        large, text = fed(whole, cut)
        assert text == TEXT
        assert large.text.size == len(TEXT.encode())
    assert large.head == b"name\0"
    assert large.tail == b"\0\2\0\0\0\x17\0\0\0\x19"


@given(st.integers(1, 9000))
def test_values_are_shown_or_told_by_size_and_hash(cut):
    data = b"y" * 20_000
    for whole in (
        f.bind("p", "s", [b"x", None, data, b""]),
        f.function_call(7, [b"x", None, data, b""]),
    ):
        large, _ = fed(whole, cut)
        shown, null, told, empty = large.values.found
        assert (shown, null, empty) == (b"x", None, b"")
        assert told["bytes"] == 20_000
        assert told.get("sha256") in (None, hashlib.sha256(data).hexdigest())


def test_an_execution_refers_to_the_pieces_of_its_text():
    talk = Talk().large(f.parse("s", "select" + 100_000 * " "), 65536)
    talk.up(f.bind("", "s"), f.execute(), f.sync())
    talk.down(message(b"1"), message(b"2"), b.command_complete("SELECT 0"), b.ready())
    first, second, parse, execute = talk.records()[1:]
    assert [first["of"], second["of"], execute["of"]] == 3 * [parse["id"]]
    assert execute["pieces"] == 2
    assert execute["text_sha256"] == hashlib.sha256(b"select" + 100_000 * b" ").hexdigest()
    assert parse["status"] == execute["status"] == "ok"


def test_a_large_bind_is_joined():
    talk = Talk().up(f.parse("", "select $1, $2", [23]))
    talk.large(f.bind("", "", [b"\0\0\0\7", b"z" * 100_000], formats=[1, 0]))
    talk.up(f.execute(), f.sync())
    talk.down(message(b"1"), message(b"2"), b.command_complete("SELECT 0"), b.ready())
    (found,) = talk.told("type", "text", "parameters")
    assert found[:2] == ("EXECUTE", "select $1, $2")
    assert found[2][0] == "7"
    assert found[2][1]["bytes"] == 100_000


def test_what_breaks_off_is_unknown_and_its_pieces_are_there():
    talk = Talk().large(f.query("x" * 100_000), 65536)
    talk.frames.pop()
    talk.close()
    assert talk.told("type", "status", "text_bytes", "pieces") == [
        ("TEXT", None, None, None),
        ("QUERY", "unknown", 65531, 1),
    ]


def test_a_denied_large_statement_is_told_with_its_rule():
    talk = Talk().say(6, {"rule": "r", "reason": "no", "place": 0})
    talk.large(f.query("x" * 100_000)).down(b.error("ERROR", "42501", "no"), b.ready())
    assert talk.told("type", "rule", "status")[-1] == ("DENIED", "r", "denied")


@pytest.mark.parametrize("kind", [b"B", b"P", b"F", b"X", b"Q"])
@given(data=st.binary(max_size=300), cut=st.integers(1, 50))
def test_no_message_is_too_odd(kind, data, cut):
    talk = Talk()
    talk.large(message(kind, data), cut).close()
    json.dumps(talk.records())


def test_what_a_client_could_make_endless_is_bounded():
    large, _ = fed(message(b"B", b"x" * 3_000_000), 65536)
    assert len(json.dumps(large.state())) < 10_000
