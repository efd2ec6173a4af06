from datetime import timedelta
from itertools import permutations

from pgward.ca.identity.password_rules import PasswordRules
from pgward.ca.identity.posture import PostureRules
from pgward.ca.login import rules
from pgward.ca.login.rules import Admission, LoginRules
from pgward.ca.settings import LoginSettings, Settings

DEFAULT = LoginRules(session=timedelta(hours=8))


def test_settings_say_how_long_a_session_is():
    found = rules.of_settings(Settings(login=LoginSettings(session_hours=8)))
    assert found == DEFAULT


def test_without_rules_the_settings_hold():
    assert rules.strictest(DEFAULT, []) == DEFAULT


def test_the_strictest_of_all_holds_in_any_order():
    posture = PostureRules(required=("firewall",))
    given = [
        LoginRules(timedelta(hours=4), frozenset({"oidc", "passkey"}), names=("b",)),
        LoginRules(second_factor=True, reason=True, devices=Admission.APPROVAL, names=("a",)),
        LoginRules(
            timedelta(hours=90),
            frozenset({"password", "passkey"}),
            password=PasswordRules(min_length=14),
            devices=Admission.TOKEN,
            posture=(posture,),
            names=("c",),
        ),
    ]
    expected = LoginRules(
        session=timedelta(hours=4),
        methods=frozenset({"passkey"}),
        second_factor=True,
        reason=True,
        password=PasswordRules(min_length=14),
        devices=Admission.TOKEN,
        posture=(posture,),
        names=("a", "b", "c"),
    )
    assert {rules.strictest(DEFAULT, each) for each in permutations(given)} == {expected}


def test_no_rule_makes_a_session_longer():
    assert rules.strictest(DEFAULT, [LoginRules(timedelta(hours=100))]).session == DEFAULT.session
