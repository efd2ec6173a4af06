import pytest

from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.gates.gate import View
from pgward.ca.login.gates.method_allowed import MethodAllowed
from pgward.ca.login.rules import LoginRules


def check(logins, methods):
    rules = LoginRules(methods=methods, names=("r1", "r2"))
    with logins.desk.store.read() as connection:
        view = View(connection, logins.user(), rules, logins.desk.now())
        return MethodAllowed().check(logins.proven(), view)


@pytest.mark.parametrize("methods", [None, frozenset({"riddle", "oidc"})])
def test_a_method_that_no_rule_forbids(logins, methods):
    assert check(logins, methods) is None


def test_another_method_is_named(logins):
    with pytest.raises(RefusedLoginError) as caught:
        check(logins, frozenset({"passkey", "oidc"}))
    error = caught.value
    assert error.message == "you may not log in with the method riddle"
    assert error.hint == "pgward login --method, with one of oidc, passkey"
    assert error.why == "the method riddle is not allowed by login rule r1, r2"
    assert error.actor == "alice"


def test_rules_that_leave_no_method_say_so(logins):
    with pytest.raises(RefusedLoginError) as caught:
        check(logins, frozenset())
    assert caught.value.hint.startswith("the login rules r1, r2 allow no method in common")
