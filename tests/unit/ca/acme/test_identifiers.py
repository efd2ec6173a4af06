import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import identifiers
from pgward.ca.acme.identifiers import Allowed, Identifier
from pgward.ca.acme.problems import AcmeError
from pgward.core.errors import InvalidInputError
from tests.fixtures.fuzz import fuzz


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("dns", "DB1.Example.COM", "db1.example.com"),
        ("dns", "*.db.test", "*.db.test"),
        ("dns", "db1", "db1"),
        ("ip", "192.0.2.7", "192.0.2.7"),
        ("ip", "2001:DB8:0:0::1", "2001:db8::1"),
    ],
)
def test_a_name_has_one_spelling(kind, text, value):
    found = identifiers.read({"type": kind, "value": text})
    assert found == Identifier(kind, value)
    assert identifiers.from_rows([found.json()]) == (found,)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a.test", "malformed"),
        ({}, "malformed"),
        ({"type": "dns"}, "malformed"),
        ({"type": "dns", "value": "a" * 300}, "malformed"),
        ({"type": "email", "value": "a@b.c"}, "unsupportedIdentifier"),
        ({"type": "dns", "value": "127.0.0.1"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "1.2.3"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "a.*.test"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "*.*.test"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "a..test"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "a.test."}, "rejectedIdentifier"),
        ({"type": "dns", "value": "a_b.test"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "a.test\n"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "ä.test"}, "rejectedIdentifier"),
        ({"type": "dns", "value": "a.test/x"}, "rejectedIdentifier"),
        ({"type": "ip", "value": "a.test"}, "rejectedIdentifier"),
        ({"type": "ip", "value": "10.0.0.0/8"}, "rejectedIdentifier"),
        ({"type": "ip", "value": "fe80::1%eth0"}, "rejectedIdentifier"),
        ({"type": "ip", "value": "::ffff:127.0.0.1"}, "rejectedIdentifier"),
    ],
)
def test_what_is_no_name_is_refused(value, kind):
    with pytest.raises(AcmeError) as caught:
        identifiers.read(value)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("name", "permitted"),
    [
        ("db1.test", True),
        ("DB1.TEST", True),
        ("a.db.test", True),
        ("*.db.test", True),
        ("db.test", False),
        ("a.b.db.test", False),
        ("adb.test", False),
        ("*.test", False),
        ("*.db1.test", False),
        ("*.a.db.test", False),
    ],
)
def test_a_pattern_stands_for_one_label(name, permitted):
    allowed = Allowed.checked(["db1.test", "*.DB.test"], [])
    assert allowed.permits(identifiers.dns(name)) is permitted


@pytest.mark.parametrize(
    ("address", "permitted"),
    [("10.0.0.7", True), ("10.1.0.1", True), ("10.0.0.8", False), ("2001:db8::5", True)],
)
def test_addresses_and_networks(address, permitted):
    allowed = Allowed.checked([], ["10.0.0.7", "10.1.0.0/16", "2001:db8::/64"])
    assert allowed.permits(identifiers.ip(address)) is permitted


@pytest.mark.parametrize(
    ("dns", "ips", "message"),
    [
        (["a_b"], [], "not a DNS name"),
        (["*"], [], "not a DNS name"),
        (["10.0.0.1"], [], "its last label is a number"),
        (["0x7f000001"], [], "its last label is a number"),
        (["127.0X1"], [], "its last label is a number"),
        ([], ["10.0.0.1/8"], "not an IP address or network"),
        ([f"a{n}" for n in range(51)], [], "more than 50"),
    ],
)
def test_wrong_patterns_are_told(dns, ips, message):
    with pytest.raises(InvalidInputError, match=message):
        Allowed.checked(dns, ips)


@fuzz
@given(st.fixed_dictionaries({"type": st.sampled_from(["dns", "ip"]), "value": st.text()}))
def test_any_text_is_a_name_or_one_kind_of_error(value):
    try:
        found = identifiers.read(value)
    except AcmeError:
        return
    assert identifiers.read(found.json()) == found
