import pytest

from pgward.ca.identity.posture import PostureRules
from pgward.ca.login.attempt import DeviceFacts, RefusedLoginError
from pgward.ca.login.gates.gate import View
from pgward.ca.login.gates.posture import PostureGate
from pgward.ca.login.rules import LoginRules


def check(logins, report, *wanted):
    attempt = logins.proven()
    attempt.device = DeviceFacts("laptop", posture=report)
    with logins.desk.store.read() as connection:
        view = View(connection, logins.user(), LoginRules(posture=wanted), logins.desk.now())
        return PostureGate().check(attempt, view)


def test_without_a_rule_nothing_is_looked_at(logins):
    assert check(logins, None) is None


def test_what_is_wanted_is_compared(logins):
    wanted = PostureRules(("firewall",)), PostureRules(("firewall", "screen_lock"))
    good = {"firewall": {"value": True}, "screen_lock": {"value": True}}
    assert check(logins, good, *wanted) is None
    with pytest.raises(RefusedLoginError) as caught:
        check(logins, None, *wanted)
    assert caught.value.message == (
        "this device may not log in: whether a firewall is on is not known;"
        " whether the screen locks itself is not known"
    )
    assert caught.value.actor == "alice"
