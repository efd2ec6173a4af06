import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.address import Address
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("db1.example.com:5432", "db1.example.com", 5432),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:6432", "::1", 6432),
        ("h:65535", "h", 65535),
    ],
)
def test_host_and_port_are_read_and_written_alike(text, host, port):
    assert Address.parse(text) == Address(host, port)
    assert str(Address(host, port)) == text


@pytest.mark.parametrize("text", ["db1", "[::1]"])
def test_a_default_port_stands_in(text):
    assert Address.parse(text, default_port=5432).port == 5432


@pytest.mark.parametrize(
    "text", ["", ":1", "db1", "db1:", "db1:x", "db1:65536", "db1:-1", "db1:٣", "[::1]", "[]:1"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidInputError):
        Address.parse(text)


def test_ipv6_without_brackets_is_ambiguous():
    with pytest.raises(InvalidInputError) as caught:
        Address.parse("::1:5432")
    assert caught.value.hint == "write IPv6 as [::1]:5432"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text):
    try:
        address = Address.parse(text)
    except InvalidInputError:
        return
    assert Address.parse(str(address)) == address
