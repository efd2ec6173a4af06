import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.http import proxy_protocol
from pgward.ca.http.proxy_protocol import ProxyHeaderError

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(body, *, command=0x21, family=0x11):
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(body)) + body


def addresses(source, *, more=b""):
    packed = ip_address(source).packed
    return packed + bytes(len(packed)) + struct.pack("!HH", 5000, 443) + more


def read(stream):
    """Take a header as a reader does; return the address, and what was left for TLS."""
    data = b""
    while size := proxy_protocol.missing(data):
        assert 0 < size <= 4096
        data += stream[len(data) : len(data) + size]
        if len(data) > len(stream) or (proxy_protocol.missing(data) and len(data) == len(stream)):
            return None, b"it wants more"
    return proxy_protocol.source(data), stream[len(data) :]


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 443\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ff:ff::ff ff::1 65535 65535\r\n", None),
        (v2(addresses("192.0.2.7")), "192.0.2.7"),
        (v2(addresses("192.0.2.7", more=b"\x03\x00\x04abcd")), "192.0.2.7"),
        (v2(addresses("2001:db8::7"), family=0x21), "2001:db8::7"),
        (v2(b"", command=0x20, family=0), None),
        (v2(b"/run/x".ljust(216, b"\0"), family=0x31), None),
    ],
)
def test_headers_tell_the_client_and_leave_the_rest(header, source):
    assert read(header + b"\x16\x03\x01TLS") == (source, b"\x16\x03\x01TLS")


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"\x16\x03\x01" + bytes(200), "does not begin with a PROXY header"),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "does not begin with a PROXY header"),
        (b"PROXY " + b"x" * 200, "does not end"),
        (b"PROXY TCP4 here there 1 2\r\n", "has no address"),
        (b"PROXY TCP4 192.0.2.7\r\n", "is malformed"),
        (b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n", "is malformed"),
        (v2(b"", command=0x31), "of an unknown version"),
        (v2(b"", command=0x22), "of an unknown version"),
        (v2(b"\x01\x02"), "has no address"),
        (SIGNATURE + b"\x21\x11\xff\xff", "65535 bytes is too long"),
    ],
)
def test_what_is_no_header(stream, message):
    with pytest.raises(ProxyHeaderError, match=message):
        read(stream)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda b: SIGNATURE + b),
        st.binary(max_size=120).map(lambda b: b"PROXY " + b),
    )
)
def test_whatever_comes_is_a_header_or_its_one_error(stream):
    try:
        source, _rest = read(stream)
    except ProxyHeaderError:
        return
    assert source is None or ip_address(source)
