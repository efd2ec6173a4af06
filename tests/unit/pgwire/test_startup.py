import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import startup
from pgward.pgwire.backend import Negotiation, read_negotiation
from pgward.pgwire.errors import WireError
from pgward.pgwire.startup import Cancel, GssencRequest, SslRequest, Startup

NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
PARAMETERS = st.dictionaries(NAMES, TEXTS, max_size=8).map(lambda more: {**more, "user": "ann"})
KEYS = st.binary(min_size=4, max_size=256)
FIRSTS = st.one_of(
    st.builds(startup.startup, PARAMETERS, st.integers(0, 0xFFFF)),
    st.builds(startup.cancel, st.integers(0, 0xFFFFFFFF), KEYS),
    st.just(startup.ssl_request()),
    st.just(startup.gssenc_request()),
)


def packet(code: int, body: bytes) -> bytes:
    return struct.pack("!II", len(body) + 8, code) + body


def test_requests_are_those_of_the_manual() -> None:
    assert startup.ssl_request() == bytes.fromhex("0000000804d2162f")
    assert startup.gssenc_request() == bytes.fromhex("0000000804d21630")
    assert startup.read(startup.ssl_request()) == SslRequest(8)
    assert startup.read(startup.gssenc_request() + b"more") == GssencRequest(8)


def test_a_startup() -> None:
    data = b"\0\0\0\x1d\0\3\0\0user\0ann\0database\0d\0\0"
    assert startup.startup({"user": "ann", "database": "d"}) == data
    assert startup.read(data + b"p") == Startup(3, 0, {"user": "ann", "database": "d"}, 29)


def test_a_startup_of_another_minor_version_with_options() -> None:
    data = startup.startup({"user": "ann", "_pq_.compression": "zstd"}, minor=2)
    first = startup.read(data)
    assert isinstance(first, Startup)
    assert (first.minor, first.user, first.database) == (2, "ann", "ann")
    assert first.options == ("_pq_.compression",)


def test_a_cancel_with_a_short_and_a_long_key() -> None:
    for key in (b"abcd", bytes(32), bytes(256)):
        assert startup.read(startup.cancel(7, key)) == Cancel(7, key)
        assert startup.read(startup.cancel(7, key)).size == len(startup.cancel(7, key))
    assert "abcd" not in repr(Cancel(7, b"abcd"))


def test_a_cancel_is_known_by_how_it_begins() -> None:
    made = startup.cancel(7, bytes(32))
    assert startup.is_cancel(made[:8])
    assert not startup.is_cancel(made[:7])
    assert not startup.is_cancel(startup.ssl_request())


@pytest.mark.parametrize("key", [b"", b"abc", bytes(257)])
def test_a_cancel_with_a_key_of_a_wrong_length(key) -> None:
    with pytest.raises(WireError, match="key"):
        startup.read(packet(80877102, b"\0\0\0\7" + key))
    with pytest.raises(WireError, match="cancel key has 4 to 256 bytes"):
        startup.cancel(7, key)


@pytest.mark.parametrize(
    ("data", "said", "sqlstate"),
    [
        (b"GET / HTTP/1.1\r\n", "no PostgreSQL startup packet", "08P01"),
        (b"G", "no PostgreSQL startup packet", "08P01"),
        (b"\x16\3\1", "TLS begins", "08P01"),
        (b"\0\1", "no PostgreSQL startup packet", "08P01"),
        (b"\0\0\0\7", "of 7 bytes", "08P01"),
        (struct.pack("!I", 10_005), "of 10005 bytes", "08P01"),
        (packet(80877103, b"x"), "longer", "08P01"),
        (packet(80877102, b"\0\0"), "shorter", "08P01"),
        (packet(131072, b"user\0ann\0\0"), "protocol 2.0", "0A000"),
        (packet(0x40000, b"user\0ann\0\0"), "protocol 4.0", "0A000"),
        (packet(196608, b""), "shorter", "08P01"),
        (packet(196608, b"user\0ann\0"), "shorter", "08P01"),
        (packet(196608, b"user\0ann\0\0x"), "longer", "08P01"),
        (packet(196608, b"database\0shop\0\0"), "no user name", "28000"),
        (packet(196608, b"user\0\0\0"), "no user name", "28000"),
    ],
)
def test_what_is_refused(data, said, sqlstate) -> None:
    with pytest.raises(WireError, match=said) as caught:
        startup.read(data)
    assert caught.value.sqlstate == sqlstate


def test_a_startup_as_long_as_postgresql_takes_it() -> None:
    made = startup.startup({"user": "ann", "options": "x" * (10_004 - 27)})
    assert len(made) == startup.MOST
    assert startup.read(made).size == len(made)


def test_parameters_that_do_not_fit() -> None:
    with pytest.raises(WireError, match="longer than 10004 bytes"):
        startup.startup({"user": "ann", "options": "x" * 10_000})


def test_a_negotiation() -> None:
    made = startup.negotiate(0, ["_pq_.a"])
    assert made == b"v\0\0\0\x13\0\3\0\0\0\0\0\1_pq_.a\0"
    assert read_negotiation(made[5:]) == Negotiation(0, ("_pq_.a",))


@given(PARAMETERS, st.integers(0, 0xFFFF), st.binary(max_size=5))
def test_a_startup_comes_back(parameters, minor, behind) -> None:
    made = startup.startup(parameters, minor)
    assert startup.read(made + behind) == Startup(3, minor, parameters, len(made))


@given(FIRSTS)
def test_byte_by_byte_nothing_is_found_before_the_end(data) -> None:
    assert all(startup.read(data[:end]) is None for end in range(len(data)))
    first = startup.read(data)
    assert first is not None
    assert first.size == len(data)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda b: packet(196608, b))))
def test_garbage(data) -> None:
    try:
        first = startup.read(data)
    except WireError:
        return
    assert first is None or first.size <= len(data)
