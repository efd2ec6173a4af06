from dataclasses import replace

import anyio
import pytest

from pgward.ca.login import rules
from pgward.ca.login.gates.gate import View
from pgward.ca.login.gates.reason import Reason, checked
from pgward.core.errors import InvalidInputError


@pytest.fixture
def view(logins):
    needed = replace(rules.of_settings(logins.desk.settings), reason=True)
    return View(None, logins.user(), needed, logins.desk.now())


def test_a_reason_is_asked_for_where_it_is_needed(logins, view):
    attempt = logins.proven()
    assert Reason().check(attempt, view).kind == "reason"
    anyio.run(Reason().answer, attempt, {"reason": "ticket 7"})
    assert Reason().check(attempt, view) is None


def test_nobody_is_asked_where_it_is_not(logins, view):
    free = replace(view, rules=replace(view.rules, reason=False))
    assert Reason().check(logins.proven(), free) is None


def test_a_reason_is_one_line():
    assert checked("  a\n b ") == "a b"
    for text in ("", " \n", "x" * 501, "a\u202eb"):
        with pytest.raises(InvalidInputError):
            checked(text)
