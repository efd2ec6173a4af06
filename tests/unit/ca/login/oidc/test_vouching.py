from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc import vouching
from pgward.ca.login.oidc.errors import NotFreshError, UntrustedError
from pgward.ca.resources.oidc_provider import SecondFactor
from tests.fixtures.authority import START
from tests.fixtures.fuzz import fuzz

WANTED = SecondFactor(amr=["mfa", "otp"], acr=["urn:two"])
BEGAN = START - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"amr": ["pwd", "otp"]}, "amr=otp"),
        ({"amr": ["mfa"], "acr": "urn:two"}, "amr=mfa"),
        ({"acr": "urn:two"}, "acr=urn:two"),
        ({"amr": ["pwd"]}, None),
        ({"amr": ["MFA"]}, None),
        ({"amr": "mfa"}, None),
        ({"amr": "pwd mfa"}, None),
        ({"amr": [["mfa"]]}, None),
        ({"amr": ["mfa", ["pwd"]]}, None),
        ({"amr": ["mfa", None]}, None),
        ({"amr": {"mfa": True}}, None),
        ({"amr": []}, None),
        ({"acr": ["urn:two"]}, None),
        ({"acr": {"urn:two": 1}}, None),
        ({"acr": None}, None),
        ({}, None),
    ],
)
def test_only_what_was_named_counts_and_only_in_its_form(claims, found):
    assert vouching.second_factor(claims, WANTED) == found


def test_without_a_rule_nothing_counts():
    assert vouching.second_factor({"amr": ["mfa"], "acr": "urn:two"}, None) is None


def fresh(wanted=(), **claims):
    vouching.check_fresh(claims, since=BEGAN, now=START, acr=wanted)


@pytest.mark.parametrize("seconds", [-300 - 60, -300, -1, 0, 60])
def test_a_login_since_then_give_or_take_a_minute(seconds):
    fresh(auth_time=START.timestamp() + seconds)


def test_an_old_login():
    with pytest.raises(NotFreshError, match="you logged in there 361 s ago, and not for this"):
        fresh(auth_time=int(START.timestamp()) - 361)


@pytest.mark.parametrize("claims", [{}, {"auth_time": None}])
def test_a_login_of_nobody_knows_when(claims):
    with pytest.raises(NotFreshError, match="does not say when you logged in") as caught:
        fresh(**claims)
    assert "max_age=0" in caught.value.hint


def test_a_login_in_the_future():
    with pytest.raises(UntrustedError, match="only in 61 s: one of the clocks is wrong"):
        fresh(auth_time=int(START.timestamp()) + 61)


@pytest.mark.parametrize("value", ["1763726400", True, [1763726400], {}, -1, 1e300, float("nan")])
def test_what_is_no_time(value):
    with pytest.raises(UntrustedError, match="no time as auth_time"):
        fresh(auth_time=value)


def test_a_way_that_was_asked_for():
    now = START.timestamp()
    fresh(["1", "2"], auth_time=now, acr="2")
    for acr in ("3", None, ["2"], {}):
        with pytest.raises(NotFreshError, match=r"not in a way that was asked for \(acr: 1, 2\)"):
            fresh(["1", "2"], auth_time=now, acr=acr)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("mfa"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
CLAIMS = st.dictionaries(st.sampled_from(["amr", "acr", "auth_time"]), JSON)


@fuzz
@given(CLAIMS)
def test_whatever_claims_hold_they_are_judged(claims):
    found = vouching.second_factor(claims, WANTED)
    assert found is None or "mfa" in claims["amr"]
    with suppress(NotFreshError, UntrustedError):
        vouching.check_fresh(claims, since=BEGAN, now=START, acr=["1"])
