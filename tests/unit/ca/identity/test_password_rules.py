from datetime import UTC, datetime, timedelta

import pytest

from pgward.ca.identity import password_rules as module
from pgward.ca.identity.password_rules import DEFAULT, PasswordRules, Person
from pgward.core.errors import InvalidInputError

ALICE = Person("alice", "Alice van Dyke", "a.vandyke@example.com")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("12345678", DEFAULT),
        ("correct horse battery", PasswordRules(min_length=20)),
        ("Tr0ub4dor&3", PasswordRules(classes=4)),
        ("ПРИВЕТ мир 42", PasswordRules(classes=4)),
        ("lower UPPER", PasswordRules(classes=3)),
    ],
)
def test_what_meets_the_rules_is_returned_as_it_is_hashed(password, rules):
    assert module.check(password, rules, ALICE) == password


@pytest.mark.parametrize(
    ("password", "rules", "said"),
    [
        ("short", PasswordRules(), "has 5 letters"),
        ("elevenlette", PasswordRules(min_length=12), "it has 11 letters of at least 12"),
        (
            "only lower",
            PasswordRules(classes=3),
            "it needs also upper-case letters or digits",
        ),
        (
            "onlylower",
            PasswordRules(classes=4),
            "it needs 3 of upper-case letters or digits or other characters",
        ),
        ("my ALICE in wonderland", DEFAULT, "a part of your name"),
        ("dykes and dams", DEFAULT, "a part of your name"),
        ("xxVanDykexx", DEFAULT, "a part of your name or e-mail"),
    ],
)
def test_what_does_not_is_told_without_being_repeated(password, rules, said):
    with pytest.raises(InvalidInputError, match=said) as caught:
        module.check(password, rules, ALICE)
    assert password not in str(caught.value)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InvalidInputError) as caught:
        module.check("alice99x", PasswordRules(min_length=12, classes=3), ALICE)
    assert caught.value.message == (
        "the password does not meet the rules: it has 8 letters of at least 12; it needs also"
        " upper-case letters or other characters; it has a part of your name or e-mail address in"
        " it"
    )


def test_names_of_two_letters_are_in_any_password():
    assert module.check("alliance bold", DEFAULT, Person("al", "Bo Li", "al@x.example"))


def test_the_strictest_of_several_rules_holds():
    first = PasswordRules(min_length=12, max_age=timedelta(days=90), history=3)
    second = PasswordRules(classes=3, max_age=timedelta(days=30), breach_list=True)
    joined = PasswordRules(12, 3, timedelta(days=30), True, 3)
    assert first.strictest(second) == joined
    assert second.strictest(first) == joined
    assert joined.strictest(DEFAULT) == joined


@pytest.mark.parametrize(
    ("changed_at", "too_old"),
    [
        (NOW - timedelta(days=29), False),
        (NOW - timedelta(days=31), True),
        (NOW + timedelta(hours=1), False),  # clocks of replicas differ
        (NOW + timedelta(days=400), True),  # set while the clock was wrong
        (None, True),
    ],
)
def test_a_password_ages(changed_at, too_old):
    rules = PasswordRules(max_age=timedelta(days=30))
    assert module.is_too_old(changed_at, rules, NOW) == too_old
    assert not module.is_too_old(changed_at, DEFAULT, NOW)


def test_rules_can_be_told_beforehand():
    assert module.describe(PasswordRules(12)) == "at least 12 letters, and not your name"
    assert module.describe(PasswordRules(12, 3)) == (
        "at least 12 letters, of 3 of the kinds lower-case letters, upper-case letters, digits,"
        " other characters, and not your name"
    )
