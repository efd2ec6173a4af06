import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import body
from pgward.pgwire.body import Body
from pgward.pgwire.errors import WireError

READS = [
    Body.uint16,
    Body.int16,
    Body.uint32,
    Body.int32,
    Body.value,
    Body.string,
    Body.text,
    Body.rest,
    Body.uint16s,
    Body.uint32s,
    Body.values,
    Body.end,
]


def test_numbers_with_and_without_a_sign() -> None:
    assert Body(b"\xff\xff").uint16() == 0xFFFF
    assert Body(b"\xff\xff").int16() == -1
    assert Body(b"\xff\xff\xff\xfe").uint32() == 0xFFFFFFFE
    assert Body(b"\xff\xff\xff\xfe").int32() == -2


def test_values() -> None:
    assert body.values([b"a", None, b""]) == b"\0\3\0\0\0\1a\xff\xff\xff\xff\0\0\0\0"
    assert Body(body.values([b"a", None, b""])).values() == (b"a", None, b"")


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xfe", b"\x7f\xff\xff\xff", b"\0\0\0\2"])
def test_a_value_longer_than_its_message(length) -> None:
    with pytest.raises(WireError, match="shorter"):
        Body(length + b"a").value()


def test_lists_need_no_more_memory_than_their_message() -> None:
    for read in (Body.uint16s, Body.uint32s, Body.values):
        with pytest.raises(WireError, match="shorter"):
            read(Body(b"\xff\xff\0\0\0\0"))


def test_what_is_behind_the_end() -> None:
    packet = Body(b"ab\0c")
    assert (packet.string(), packet.left) == (b"ab", 1)
    with pytest.raises(WireError, match="longer"):
        packet.end()


def test_a_nul_in_a_text_is_not_sent() -> None:
    with pytest.raises(WireError, match="NUL") as caught:
        body.string("a\0b")
    assert caught.value.sqlstate == "22021"


def test_more_values_than_a_message_can_hold() -> None:
    with pytest.raises(WireError, match="65536 is too many"):
        body.values([None] * 65536)


@given(st.binary())
def test_a_text_in_any_encoding_survives(data) -> None:
    assert body.encoded(body.decoded(data)) == data


@given(st.lists(st.integers(0, 0xFFFF)), st.lists(st.integers(0, 0xFFFFFFFF)))
def test_lists_come_back(small, large) -> None:
    packet = Body(body.uint16s(small) + body.uint32s(large))
    assert (packet.uint16s(), packet.uint32s()) == (tuple(small), tuple(large))
    packet.end()


@given(st.binary(max_size=40), st.lists(st.sampled_from(READS), max_size=10))
def test_any_bytes_are_read_or_refused(data, reads) -> None:
    packet = Body(data)
    try:
        for read in reads:
            read(packet)
    except WireError:
        pass
    assert 0 <= packet.left <= len(data)
