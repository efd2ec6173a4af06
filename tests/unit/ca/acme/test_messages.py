import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import identifiers, messages
from pgward.ca.acme.messages import AccountChange, KeyChange, NewAccount, NewOrder, Revocation
from pgward.ca.acme.problems import AcmeError
from tests.fixtures.fuzz import fuzz

A = {"type": "dns", "value": "a.test"}


def test_a_new_account():
    assert messages.new_account({}) == NewAccount((), False, False, None)
    whole = {
        "contact": ["mailto:dba@example.com"],
        "termsOfServiceAgreed": True,
        "onlyReturnExisting": True,
        "externalAccountBinding": {"x": 1},
        "unheardOf": 1,
    }
    expected = NewAccount(("mailto:dba@example.com",), True, True, {"x": 1})
    assert messages.new_account(whole) == expected


@pytest.mark.parametrize(
    ("contact", "kind"),
    [
        ("mailto:a@b.c", "malformed"),
        (["mailto:a@b.c"] * 11, "malformed"),
        ([1], "invalidContact"),
        (["mailto:" + "a" * 300], "invalidContact"),
        (["mailto:a@b.c,d@e.f"], "invalidContact"),
        (["mailto:a@b.c?subject=x"], "invalidContact"),
        (["mailto:a@b.c\n"], "invalidContact"),
        (["mailto:"], "invalidContact"),
        (["tel:+15551234"], "unsupportedContact"),
    ],
)
def test_wrong_contacts(contact, kind):
    with pytest.raises(AcmeError) as caught:
        messages.new_account({"contact": contact})
    assert caught.value.kind == kind


def test_a_change_of_an_account():
    assert messages.account_change({}) == AccountChange(None, False)
    assert messages.account_change({"contact": []}) == AccountChange((), False)
    assert messages.account_change({"status": "deactivated"}) == AccountChange(None, True)
    with pytest.raises(AcmeError, match="only become deactivated"):
        messages.account_change({"status": "revoked"})


def test_an_authorization_can_only_be_deactivated():
    messages.authorization_change({"status": "deactivated"})
    for payload in ({}, {"status": "valid"}, {"status": 1}):
        with pytest.raises(AcmeError):
            messages.authorization_change(payload)


def test_a_new_order():
    wanted = {"identifiers": [A, A | {"value": "A.TEST"}], "replaces": "x.y"}
    assert messages.new_order(wanted) == NewOrder((identifiers.dns("a.test"),), "x.y")


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({}, "malformed"),
        ({"identifiers": []}, "malformed"),
        ({"identifiers": A}, "malformed"),
        ({"identifiers": [A] * 51}, "rejectedIdentifier"),
        ({"identifiers": [A], "notAfter": "2030-01-01T00:00:00Z"}, "malformed"),
        ({"identifiers": [A], "notBefore": ""}, "malformed"),
        ({"identifiers": [A], "replaces": None}, "malformed"),
    ],
)
def test_wrong_orders(payload, kind):
    with pytest.raises(AcmeError) as caught:
        messages.new_order(payload)
    assert caught.value.kind == kind


def test_a_revocation():
    assert messages.revocation({"certificate": "AA"}) == Revocation("AA", "unspecified")
    found = messages.revocation({"certificate": "AA", "reason": 1})
    assert found == Revocation("AA", "key_compromise")


@pytest.mark.parametrize("reason", [2, 6, 7, 8, 9, 10, 11, -1, True, "1", None, 1.5, [1]])
def test_reasons_that_a_subscriber_cannot_give(reason):
    with pytest.raises(AcmeError) as caught:
        messages.revocation({"certificate": "AA", "reason": reason})
    assert caught.value.kind == "badRevocationReason"


def test_the_rest():
    assert messages.finalization({"csr": "AA"}) == "AA"
    assert messages.key_change({"account": "u", "oldKey": {}}) == KeyChange("u", {})
    messages.challenge_response({})
    with pytest.raises(AcmeError, match="keyAuthorization"):
        messages.challenge_response({"keyAuthorization": "x"})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
_NAMES = (
    *("contact", "termsOfServiceAgreed", "onlyReturnExisting", "externalAccountBinding"),
    *("status", "identifiers", "replaces", "notBefore", "csr", "certificate", "reason"),
    *("account", "oldKey", "keyAuthorization"),
)
_READERS = (
    messages.new_account,
    messages.account_change,
    messages.authorization_change,
    messages.new_order,
    messages.finalization,
    messages.revocation,
    messages.key_change,
    messages.challenge_response,
)


@fuzz
@given(st.sampled_from(_READERS), st.dictionaries(st.sampled_from(_NAMES), _JSON))
def test_any_payload_is_read_or_one_kind_of_error(read, payload):
    with contextlib.suppress(AcmeError):
        read(payload)
