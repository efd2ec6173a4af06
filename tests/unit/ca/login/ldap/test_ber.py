import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.ldap import ber
from pgward.ca.login.ldap.errors import LdapProtocolError


@given(st.integers(-(2**40), 2**40))
def test_integers_come_back(number):
    assert ber.Reader(ber.integer(number)).integer() == number


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_strings_of_any_size_come_back(size):
    data = b"x" * size
    assert ber.Reader(ber.string(data)).read(ber.OCTET_STRING) == data


def test_the_bytes_are_those_of_the_standard():
    assert ber.integer(128) == bytes.fromhex("02020080")
    assert ber.integer(-1) == bytes.fromhex("0201ff")
    assert ber.boolean(True) == bytes.fromhex("0101ff")
    assert ber.string("ä") == bytes.fromhex("0402c3a4")


def test_lengths_need_not_be_minimal():
    assert ber.Reader(b"\x04\x84\0\0\0\x01x").text() == "x"


@pytest.mark.parametrize(
    "data", [b"\x04", b"\x04\x05abc", b"\x04\x80abc", b"\x04\x85\0\0\0\0\x01x", b"\x02\x01x", b""]
)
def test_what_is_malformed_or_something_else_is_refused(data):
    with pytest.raises(LdapProtocolError):
        ber.Reader(data).text()


@pytest.mark.parametrize("data", [b"\x02\0", b"\x02\x09" + b"\1" * 9])
def test_numbers_have_one_to_eight_bytes(data):
    with pytest.raises(LdapProtocolError, match="a number that is none"):
        ber.Reader(data).integer()


def test_text_that_is_not_utf8_is_still_read():
    assert ber.Reader(b"\x04\x02a\xff").text() == "a\ufffd"
