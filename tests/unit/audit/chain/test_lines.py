import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain.lines import Chain, ChainBrokenError, Head, read_hash, record_of, verify
from pgward.pki import jws
from tests.fixtures.records import CHAIN, chained, record

ORIGIN = Head.origin(CHAIN)
LINES, END = chained([record(number) for number in range(1, 8)])


def broken(lines, start=ORIGIN, end=END):
    with pytest.raises(ChainBrokenError) as caught:
        verify(lines, start, end)
    return caught.value.seq, caught.value.message


def test_a_line_is_the_record_with_its_number_and_the_hash_over_all_before():
    line = LINES[0]
    plain = line[: line.index(b',"hash":')] + b"}"
    digest = sha256(ORIGIN.hash + plain).digest()
    assert json.loads(line) == {"seq": 1, **record(1), "hash": jws.encode(digest)}
    assert line.startswith(b'{"seq":1,"id":')
    assert ORIGIN.hash == sha256(b"pgward audit chain 1\n00112233445566ff").digest()


def test_whole_chains_and_parts_of_them_verify():
    assert verify(LINES, ORIGIN) == verify(LINES, ORIGIN, END) == END
    middle = verify(LINES[:3], ORIGIN)
    assert (middle.seq, verify(LINES[3:], middle, END)) == (3, END)
    assert verify([], middle, middle) == middle


@given(st.integers(0, len(b"\n".join(LINES)) - 1), st.integers(1, 255))
def test_one_changed_byte_anywhere_is_found_with_its_line(place, change):
    text = bytearray(b"\n".join(LINES))
    number = text[:place].count(b"\n") + 1
    if text[place] == ord("\n") or text[place] ^ change == ord("\n"):
        return  # it makes other lines, which is the next tests' matter
    text[place] ^= change
    assert broken(bytes(text).split(b"\n"))[0] == number


def test_a_changed_number_is_a_changed_line():
    lines = [*LINES]
    lines[2] = lines[2].replace(b'{"seq":3,', b'{"seq":5,')
    assert broken(lines) == (3, "line 3 was changed, or does not follow the one before")


def test_a_missing_line_is_named():
    assert broken(LINES[:2] + LINES[3:]) == (3, "line 3 is missing: line 4 stands there")
    assert broken(LINES[1:]) == (1, "line 1 is missing: line 2 stands there")
    assert broken(LINES[:5]) == (6, "line 6 is missing, and all up to 7")


def test_an_added_line_is_named():
    twice = [*LINES[:3], LINES[2], *LINES[3:]]
    assert broken(twice) == (4, "line 3 stands where line 4 belongs")
    more, _ = chained([record(8)], END)
    assert broken(LINES + more) == (8, "line 8 was added")
    forged = json.dumps({"seq": 3, "text": "forged", "hash": "A" * 43}).encode()
    assert broken([*LINES[:2], forged, *LINES[2:]])[0] == 3


def test_a_moved_line_is_named():
    lines = [LINES[0], LINES[2], LINES[1], *LINES[3:]]
    assert broken(lines) == (2, "line 2 is missing: line 3 stands there")


def test_a_line_of_another_chain_does_not_follow():
    other, other_end = chained([record(1)], Head.origin("ff" * 8))
    assert broken(other)[0] == 1
    assert broken(LINES, end=other_end) == (7, "the lines are of another chain")


def test_an_end_that_was_not_reached_is_found():
    end = Head(CHAIN, 7, bytes(32))
    assert broken(LINES, end=end) == (7, "line 7 is not the one that was signed")


@pytest.mark.parametrize("line", [b"", b"{}", b"x" * 400, b'{"seq":1,"hash":"' + b"A" * 43 + b'"}'])
def test_what_is_no_line_is_a_changed_one(line):
    assert broken([line])[0] == 1


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), min_size=1))
def test_every_text_can_be_chained(fields):
    lines, end = chained([{"x": 1} | fields, {"text": "\ud800", "ü": "ü"}])
    assert verify(lines, ORIGIN, end) == end
    assert b"\n" not in lines[0]
    if not fields.keys() & {"seq", "hash"}:
        read = json.loads(lines[0])
        assert read == {"seq": 1, "x": 1, **fields, "hash": read["hash"]}


def test_what_json_cannot_hold_leaves_the_chain_as_it_was():
    chain = Chain(ORIGIN)
    with pytest.raises(TypeError):
        chain.append({"x": object()})
    assert chain.head == ORIGIN


def test_the_record_of_a_line_can_be_chained_again():
    other, end = Chain(Head.origin("ff" * 8)), Head.origin("ff" * 8)
    lines = [other.append_json(record_of(line)) for line in LINES]
    assert verify(lines, end) == other.head
    assert json.loads(record_of(lines[4])) == record(5)
    for bad in (b"", b'{"seq":1,', b'{"a":1}'):
        with pytest.raises(ValueError, match="no line"):
            record_of(bad)


def test_heads_become_json_and_back():
    assert Head.from_json(json.loads(json.dumps(END.to_json()))) == END
    assert END.to_json()["seq"] == 7


@pytest.mark.parametrize(
    "change", [{"chain": "x"}, {"chain": None}, {"seq": -1}, {"seq": True}, {"hash": "AA"}]
)
def test_a_head_that_is_damaged_is_refused(change):
    with pytest.raises(ValueError, match=r"chain|number|hash"):
        Head.from_json(END.to_json() | change)


def test_a_chain_has_a_name_of_16_hex_letters():
    with pytest.raises(ValueError, match="16 hex letters"):
        Head.origin("mine")
    with pytest.raises(ValueError, match="32 bytes"):
        read_hash(None)
