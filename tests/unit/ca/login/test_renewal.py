from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca.identity.posture import PostureRules
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login import renewal
from pgward.ca.login.rules import LoginRules
from pgward.core.errors import DeniedError, LoginNeededError
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)
RULES = LoginRules(session=12 * HOUR)
SESSION = LoginSession(
    id="s1",
    user=None,
    thumbprint="t",
    method="password",
    created_at=START,
    expires_at=START + 12 * HOUR,
)


def test_without_other_rules_the_session_ends_as_it_was_begun():
    assert renewal.session_ends(RULES, SESSION, START) == SESSION.expires_at


def test_a_shorter_rule_holds_for_sessions_that_live():
    rules = replace(RULES, session=2 * HOUR)
    assert renewal.session_ends(rules, SESSION, START + HOUR) == START + 2 * HOUR
    with pytest.raises(LoginNeededError, match="older than the login rules allow"):
        renewal.session_ends(rules, SESSION, START + 2 * HOUR)


def test_a_longer_rule_makes_no_session_longer():
    rules = replace(RULES, session=20 * HOUR)
    assert renewal.session_ends(rules, SESSION, START) == SESSION.expires_at


def test_a_method_may_be_taken_away():
    rules = replace(RULES, methods=frozenset({"passkey"}), names=("r1",))
    with pytest.raises(LoginNeededError, match="the method password, which login rule r1 does"):
        renewal.session_ends(rules, SESSION, START)
    assert renewal.session_ends(rules, replace(SESSION, method="passkey"), START)


def test_a_second_factor_may_come_to_be_required():
    rules = replace(RULES, second_factor=True)
    with pytest.raises(LoginNeededError, match="require a second factor now"):
        renewal.session_ends(rules, replace(SESSION, factors=("password",)), START)
    assert renewal.session_ends(rules, replace(SESSION, factors=("password", "totp")), START)


def test_a_device_that_fell_out_of_policy_gets_nothing():
    rules = replace(RULES, posture=(PostureRules(("firewall",)), PostureRules(("firewall",))))
    renewal.check_posture(rules, {"firewall": {"value": True}})
    with pytest.raises(DeniedError) as caught:
        renewal.check_posture(rules, {"firewall": {"value": False}})
    assert caught.value.message == "this device may not be used now: no firewall is on"
    with pytest.raises(DeniedError, match="is not known"):
        renewal.check_posture(rules, None)
