from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca.login import rules
from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.gates.gate import View
from pgward.ca.login.gates.standing import Standing

SECOND = timedelta(seconds=1)


@pytest.fixture
def check(logins):
    """Check a person with changes, which are times from now."""

    def check(**changed):
        now = logins.desk.now()
        times = {key: now + span for key, span in changed.items()}
        user = replace(logins.user(), **times)
        view = View(None, user, rules.of_settings(logins.desk.settings), now)
        return Standing().check(logins.proven(), view)

    return check


@pytest.mark.parametrize(
    "changed", [{}, {"valid_from": timedelta()}, {"valid_until": SECOND}], ids=str
)
def test_an_account_that_is_open_passes(check, changed):
    assert check(**changed) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"blocked_at": -SECOND}, "the user is blocked"),
        ({"valid_from": SECOND}, "the account is not valid yet"),
        ({"valid_until": timedelta()}, "the account is not valid any more"),
    ],
)
def test_an_account_that_is_closed_lets_nobody_in(check, changed, why):
    with pytest.raises(RefusedLoginError, match=r"^wrong user name or password$") as caught:
        check(**changed)
    assert caught.value.why == why
