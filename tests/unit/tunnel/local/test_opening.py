import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire.startup import gssenc_request, ssl_request
from pgward.tunnel.local.opening import repeatable

PARAMETERS = b"user\0alice\0database\0app\0\0"


def message(code: int, body: bytes = b"") -> bytes:
    return struct.pack("!II", 8 + len(body), code) + body


STARTUP = message(3 << 16, PARAMETERS)
FIRST = {
    "SSLRequest": ssl_request(),
    "GSSENCRequest": gssenc_request(),
    "StartupMessage": STARTUP,
    "StartupMessage of protocol 3.2": message(3 << 16 | 2, PARAMETERS),
    "CancelRequest": message(80877102, bytes(8)),
    "CancelRequest of protocol 3.2": message(80877102, bytes(260)),
    "ClientHello": b"\x16\x03\x01\x00\x64" + bytes(100),
}
QUERY = b"Q" + struct.pack("!I", 13) + b"select 1\0"


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_whole_first_message_may_be_said_again(first):
    assert repeatable(first)


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_part_of_one_or_more_than_one_may_not(first):
    assert not any(repeatable(first[:size]) for size in range(len(first)))
    for more in (QUERY, b"\0", first):
        assert not repeatable(first + more)


@pytest.mark.parametrize(
    "first", [QUERY, b"GET / HTTP/1.1\r\n\r\n", message(2 << 16), message(80877199), b"\0" * 8]
)
def test_what_is_no_first_message_may_not(first):
    assert not repeatable(first)


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(first):
    assert repeatable(first) in {True, False}
