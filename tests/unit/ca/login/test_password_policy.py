from dataclasses import replace

import pytest

from pgward.ca.identity.directory import User
from pgward.ca.identity.password_rules import PasswordRules
from pgward.ca.login import password_policy
from pgward.ca.settings import LoginSettings, Settings
from pgward.core.errors import InvalidInputError, UnavailableError
from tests.fixtures.authority import START

ALICE = User("alice", "Alice Liddell", "al@example.com", (), None, None, START, "t", None)
RULES = PasswordRules(min_length=10)
LISTED = replace(RULES, breach_list=True)


def test_what_fits_the_rules_is_taken():
    assert password_policy.check("ten letters", RULES, ALICE, Settings()) == "ten letters"
    with pytest.raises(InvalidInputError, match="it has 8 letters of at least 10"):
        password_policy.check("eightlet", RULES, ALICE, Settings())
    with pytest.raises(InvalidInputError, match="your name"):
        password_policy.check("liddell forever", RULES, ALICE, Settings())


def test_a_known_password_is_refused(tmp_path):
    path = tmp_path / "known.txt"
    path.write_text("password1234\nletmein\n")
    settings = Settings(login=LoginSettings(breach_list=str(path)))
    with pytest.raises(InvalidInputError, match="list of known ones"):
        password_policy.check("password1234", LISTED, ALICE, settings)
    assert password_policy.check("password1235", LISTED, ALICE, settings)
    assert password_policy.check("password1234", RULES, ALICE, settings)


@pytest.mark.parametrize("path", ["", "/nowhere/known.txt"])
def test_without_the_list_no_password_is_taken(path):
    settings = Settings(login=LoginSettings(breach_list=path))
    with pytest.raises(UnavailableError, match="the list of known passwords cannot be asked"):
        password_policy.check("correct horse", LISTED, ALICE, settings)
    assert not password_policy.can_check(LISTED, settings)
    assert password_policy.can_check(RULES, settings)
