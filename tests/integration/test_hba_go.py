"""What CockroachDB leaves to Go's own packages, compared with Go itself."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pgward.hba.syntax import cockroach_tokens, go_addresses, go_regexes
from pgward.hba.syntax.addresses import Network
from pgward.hba.syntax.regexes import BadRegexError, BeyondUsError
from tests.fixtures.go_oracle import Go

pytestmark = pytest.mark.soak

many = settings(
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
OCTETS = st.sampled_from(["0", "1", "10", "127", "255", "256", "01", ""])
QUADS = st.lists(OCTETS, min_size=3, max_size=5).map(".".join)
V6 = st.lists(st.sampled_from(["", "0", "1", "ffff", "fe80", "12345"]), min_size=2, max_size=9)
ADDRESSES = (
    QUADS
    | V6.map(":".join)
    | st.ip_addresses().map(str)
    | st.ip_addresses(v=4).map(lambda each: f"::ffff:{each}")
    | st.text("0123.:af/%x", max_size=9)
)
LENGTHS = st.integers(-1, 130).map(str) | st.sampled_from(["08", "+8", "", "8 ", "9" * 20])
MASKS = st.integers(0, 32).map(lambda n: str(ip_address((1 << 32) - (1 << 32 - n)))) | ADDRESSES
CLIENTS = st.ip_addresses().map(str) | st.sampled_from(["::ffff:10.0.0.9", "10.0.0.9"])
ATOMS = st.sampled_from(
    [
        *(
            "a",
            "b",
            ".",
            "(a)",
            "(a|ab)",
            "(?:b|c)",
            "[a-c]",
            "[^a]",
            r"\w",
            r"\d",
            r"\.",
            "^",
            "$",
        ),
        *("@", "(.*)", "(x)?", "a{2}", "b{1,2}", r"\b", "[[:alpha:]]", "(a*)", "(?P<n>b)", r"\x61"),
        *(
            r"\Qa.\E",
            "[]a]",
            "{",
            "}",
            "]",
            r"\z",
            r"\A",
            "-",
            "(",
            "*",
            "+?",
            "|",
            ")",
            "[",
            r"\1",
        ),
        *("a**", "(b+)+", "[a-]", r"\_", r"\101", "(?=a)", "é"),
    ]
)
EXPRESSIONS = st.tuples(
    st.sampled_from(["", "(?i)", "(?s)"]), st.lists(ATOMS, min_size=1, max_size=6).map("".join)
).map("".join)


def holds(network: Network, client: str) -> bool:
    value, bits = go_addresses.plain(ip_address(client))
    return bits == network.bits and not (value ^ network.address) & network.mask


@many
@given(ADDRESSES, LENGTHS, CLIENTS)
def test_networks(go: Go, address: str, length: str, client: str) -> None:
    text = f"{address}/{length}"
    found, said = go_addresses.cidr(text), go.ask("cidr", text, client=client)
    assert said["Ok"] == (found is not None)
    assert found is None or said["Hit"] == holds(found, client)


@many
@given(ADDRESSES, MASKS, CLIENTS)
def test_masks(go: Go, address: str, mask: str, client: str) -> None:
    number, given_mask = go_addresses.ip(address), go_addresses.ip(mask)
    said = go.ask("mask", address, mask, client)
    try:
        both = number is not None and given_mask is not None
        found = go_addresses.masked(number, given_mask) if number and given_mask else None
        assert both or found is None
    except ValueError:
        found = None
    assert said["Ok"] == (found is not None)
    assert found is None or said["Hit"] == holds(found, client)


@many
@given(EXPRESSIONS, st.text("aAabBcx@.-{}]1 \né", max_size=6))
def test_expressions(go: Go, source: str, text: str) -> None:
    said = go.ask("expression", source, text)
    try:
        expression = go_regexes.compiled(source)
        hit = expression.matches(text)
        group = expression.first_group(text) if hit and expression.groups else ""
    except BadRegexError:
        assert not said["Ok"]
        return
    except BeyondUsError:
        assume(False)
    assert (said["Ok"], said["Hit"], said["Said"]) == (True, hit, group)


@many
@given(st.text('ab"=,#\t \r\x01é\\', min_size=1, max_size=16))
def test_words(go: Go, text: str) -> None:
    (split,) = cockroach_tokens.parse(text.encode())
    said = go.ask("split", text)
    assert said["Ok"] == (split.problem is None)
    words = (
        "\x01".join(f'"{token.text}"' if token.quoted else token.text for token in field)
        for field in split.line.fields
    )
    assert split.problem is not None or said["Said"] == "\x02".join(words)


def test_an_ipv4_address_within_ipv6(go: Go) -> None:
    assert go_addresses.plain(IPv6Address("::ffff:10.0.0.9"))[1] == 32
    assert go.ask("cidr", "::ffff:10.0.0.0/104", client="10.0.0.9")["Hit"]
    assert not go.ask("cidr", "::/0", client="10.0.0.9")["Hit"]
