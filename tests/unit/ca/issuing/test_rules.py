from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.issuing import profiles, rules
from pgward.ca.issuing.rules import NO_RULES, Rules, strictest
from pgward.core.errors import DeniedError, InvalidInputError

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEYS = {
    "P-256": ec.generate_private_key(ec.SECP256R1()).public_key(),
    "P-384": ec.generate_private_key(ec.SECP384R1()).public_key(),
    "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
    "RSA-2048": rsa.generate_private_key(65537, 2048).public_key(),
    "RSA-3072": rsa.generate_private_key(65537, 3072).public_key(),
}
SHORT = Rules(("short",), lifetime=HOUR, max_lifetime=2 * HOUR, backdate=timedelta())
STRICT = Rules(("strict",), key_algorithms=("P-384",), excluded=("*.internal",))


def test_without_a_rule_all_is_as_the_profile_says():
    assert NO_RULES.narrow(profiles.LOGIN) == profiles.LOGIN
    assert NO_RULES.lifetime_for(None, HOUR) == HOUR
    NO_RULES.check_names(["any.example.com", "10.0.0.1"])
    for key in KEYS.values():
        NO_RULES.check_key(key)


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        (NO_RULES, HOUR / 2, HOUR / 2),
        (SHORT, None, HOUR),
        (SHORT, 2 * HOUR, 2 * HOUR),
        (SHORT, HOUR / 2, HOUR / 2),
        (Rules(max_lifetime=HOUR), None, HOUR),
        (Rules(lifetime=3 * HOUR, max_lifetime=HOUR), None, HOUR),
    ],
)
def test_how_long_a_certificate_lives(found, wanted, expected):
    assert found.lifetime_for(wanted, 2 * HOUR) == expected


@pytest.mark.parametrize("found", [NO_RULES, SHORT, Rules(lifetime=2 * HOUR)])
def test_a_longer_life_than_allowed_is_denied(found):
    with pytest.raises(DeniedError, match="lifetime of 2:00:01") as caught:
        found.lifetime_for(2 * HOUR + timedelta(seconds=1), 2 * HOUR)
    assert caught.value.hint == "at most 2:00:00"


def test_a_profile_is_narrowed():
    oid = "1.3.6.1.5.2.3.4"
    found = Rules(max_lifetime=HOUR, backdate=timedelta(), extra_purposes=(oid,))
    narrowed = found.narrow(profiles.LOGIN)
    assert narrowed.max_lifetime == HOUR
    assert narrowed.backdate == timedelta()
    assert narrowed.purposes == (profiles.LOGIN.purpose, x509.ObjectIdentifier(oid))
    assert Rules(max_lifetime=30 * DAY).narrow(profiles.LOGIN).max_lifetime == DAY


@pytest.mark.parametrize(
    ("allowed", "key", "is_allowed"),
    [
        ("P-256", "P-256", True),
        ("P-384", "P-256", False),
        ("P-384", "P-384", True),
        ("Ed25519", "Ed25519", True),
        ("Ed25519", "P-256", False),
        ("RSA-2048", "RSA-3072", True),
        ("RSA-3072", "RSA-2048", False),
        ("RSA-3072", "P-256", False),
    ],
)
def test_which_keys_are_allowed(allowed, key, is_allowed):
    found = Rules(("p",), key_algorithms=(allowed,))
    if is_allowed:
        found.check_key(KEYS[key])
        return
    with pytest.raises(DeniedError, match="kind of key is not allowed by certificate profile p"):
        found.check_key(KEYS[key])


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("db1.example.com", "DB1.example.com", True),
        ("*.example.com", "db1.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "*.db.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("example.com", "db1.example.com", False),
        ("10.0.0.0/8", "10.9.9.9", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("10.0.0.0/8", "10.example.com", False),
        ("10.0.0.0/8", "2001:db8::1", False),
    ],
)
def test_which_names_a_pattern_covers(pattern, name, covered):
    permitted, excluded = Rules(permitted=((pattern,),)), Rules(excluded=(pattern,))
    for found, refuses in ((permitted, not covered), (excluded, covered)):
        if refuses:
            with pytest.raises(DeniedError, match="the name"):
                found.check_names([name])
        else:
            found.check_names([name])


def test_a_wildcard_must_not_stand_for_an_excluded_name():
    with pytest.raises(DeniedError, match="excluded"):
        Rules(excluded=("secret.example.com",)).check_names(["*.example.com"])


def test_nothing_is_permitted_by_an_empty_list():
    with pytest.raises(DeniedError, match="not permitted"):
        Rules(permitted=((),)).check_names(["db1.example.com"])


def test_limits_hold_all_at_once_and_additions_only_when_all_agree():
    one = Rules(("a",), HOUR, 3 * HOUR, None, ("P-256", "P-384"), ("1.2.3", "1.2.4"), ("t", "u"))
    other = Rules(("b",), 2 * HOUR, 2 * HOUR, timedelta(), ("P-384",), ("1.2.4",), ("u",))
    assert strictest([one, other]) == Rules(
        ("a", "b"), HOUR, 2 * HOUR, timedelta(), ("P-384",), ("1.2.4",), ("u",)
    )
    assert strictest([one, SHORT]).extra_purposes == ()


def test_profiles_that_allow_different_keys_allow_none():
    found = strictest([Rules(("a",), key_algorithms=("P-256",)), STRICT])
    with pytest.raises(DeniedError) as caught:
        found.check_key(KEYS["P-256"])
    assert caught.value.hint == "allowed are none: the profiles allow different ones"


def test_each_profiles_permitted_names_must_be_met():
    found = strictest(
        [Rules(permitted=(("*.example.com",),)), Rules(permitted=(("*.db.example.com",),))]
    )
    found.check_names(["a.db.example.com"])
    with pytest.raises(DeniedError, match="not permitted"):
        found.check_names(["a.example.com"])


DURATIONS = st.none() | st.integers(1, 100).map(lambda n: timedelta(minutes=n))
SOME = st.builds(
    Rules,
    profiles=st.sampled_from([("a",), ("b",), ("c",)]),
    lifetime=DURATIONS,
    max_lifetime=DURATIONS,
    backdate=DURATIONS,
    key_algorithms=st.none()
    | st.sets(st.sampled_from(rules.KEY_ALGORITHMS)).map(lambda found: tuple(sorted(found))),
    extra_purposes=st.sets(st.sampled_from(["1.2.3", "1.2.4"])).map(lambda f: tuple(sorted(f))),
    excluded=st.sets(st.sampled_from(["a.b", "c.d"])).map(lambda f: tuple(sorted(f))),
)


@given(st.lists(SOME, min_size=1, max_size=4), st.randoms())
def test_the_order_of_profiles_makes_no_difference(found, random):
    shuffled = random.sample(found, len(found))
    assert strictest(shuffled) == strictest(found)


@given(SOME, SOME)
def test_no_profile_loosens_another(one, other):
    both = strictest([one, other])
    for each in (one, other):
        assert both.lifetime_for(None, 2 * HOUR) <= each.lifetime_for(None, 2 * HOUR)
        assert set(both.extra_purposes) <= set(each.extra_purposes)
        assert set(both.excluded) >= set(each.excluded)
        allowed = (
            set(rules.KEY_ALGORITHMS) if each.key_algorithms is None else {*each.key_algorithms}
        )
        found = rules.KEY_ALGORITHMS if both.key_algorithms is None else both.key_algorithms
        assert set(found) <= allowed


@pytest.mark.parametrize("pattern", ["db1.example.com", "*.example.com", "10.0.0.0/8", "::1/128"])
def test_patterns_that_are_understood(pattern):
    assert rules.check_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "*", "a.*.com", "10.0.0.1/8", "a b", "a/b", "x" * 300])
def test_patterns_that_are_not(pattern):
    with pytest.raises(InvalidInputError, match="neither a DNS name nor a network"):
        rules.check_pattern(pattern)
