from ipaddress import IPv4Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.addresses import HostName, Network, Word, numeric, read, with_mask
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Token


def address(text: str, *, quoted: bool = False) -> object:
    return read(Token(text, quoted))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1/16", "10.0.0.0/16"),
        ("010.0.0.1/32", "8.0.0.1/32"),
        ("0x0a.0.0.1/8", "10.0.0.0/8"),
        ("4294967295/32", "255.255.255.255/32"),
        ("10.0.0.0/ 8", "10.0.0.0/8"),
        ("10.0.0.0/+08", "10.0.0.0/8"),
        ("10.0.0.0/-0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("fe80::1%lo/64", "fe80::/64"),
        ("::ffff:1.2.3.4/128", "::ffff:102:304/128"),
    ],
)
def test_numbers_are_read_as_the_systems_library_reads_them(text, shown) -> None:
    assert str(address(text)) == shown


def test_keywords_and_their_quoted_names() -> None:
    assert [address(word) for word in ("all", "samehost", "samenet")] == list(Word)
    assert address("all", quoted=True) == HostName("all")


@pytest.mark.parametrize("text", ["h.test", "1.2.3.4.5", "256.0.0.1", "4294967296", "", "08"])
def test_what_is_no_number_is_a_host(text) -> None:
    assert address(text) == HostName(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h.example.com/24", "both a host name and a CIDR mask"),
        ("10.0.0.0/33", "'33' is no number of bits of 10.0.0.0"),
        ("10.0.0.0/", "'' is no number of bits"),
        ("10.0.0.0/8x", "'8x' is no number of bits"),
        ("::1/129", "'129' is no number of bits"),
    ],
)
def test_addresses_that_postgresql_refuses(text, message) -> None:
    with pytest.raises(BadLineError, match=message) as caught:
        address(text)
    assert caught.value.field == 3


def test_an_address_without_a_mask_waits_for_it() -> None:
    found = address("10.1.2.3")
    assert found == ip_address("10.1.2.3")
    assert str(with_mask(found, Token("255.0.255.0"))) == "10.0.2.0/255.0.255.0"
    for mask, message in (("ffff::", "do not match"), ("x", "no IP mask")):
        with pytest.raises(BadLineError, match=message):
            with_mask(found, Token(mask))


def test_a_network_holds_its_own_family_only() -> None:
    network = address("10.0.0.0/8")
    assert isinstance(network, Network)
    assert network.holds(ip_address("10.9.9.9"))
    assert not network.holds(ip_address("11.0.0.0"))
    assert not network.holds(ip_address("::ffff:10.0.0.1"))


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_covering_is_that_of_subnets(one, length, other, other_length) -> None:
    ours, theirs = (
        IPv4Network((number, bits), strict=False)
        for number, bits in ((one, length), (other, other_length))
    )
    first, second = address(str(ours)), address(str(theirs))
    assert isinstance(first, Network)
    assert isinstance(second, Network)
    assert first.prefix == length
    assert first.covers(second) is theirs.subnet_of(ours)
    assert first.holds(theirs[0]) is (theirs[0] in ours)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("db.example.com", "DB.Example.com", True),
        ("db.example.com", "xdb.example.com", False),
        (".example.com", "db.EXAMPLE.com", True),
        (".example.com", "example.com", False),
        (".example.com", ".example.com", True),
    ],
)
def test_host_names_have_no_case_and_a_dot_means_what_ends_so(pattern, name, matches) -> None:
    assert HostName(pattern).matches(name) is matches


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_none(text) -> None:
    numeric(text)
