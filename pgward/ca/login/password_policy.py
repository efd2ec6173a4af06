"""A new password against everything that its owner's rules want; blocks on a long list."""

from pathlib import Path

from pgward.ca.identity import breached, password_rules
from pgward.ca.identity.breached import BreachListError
from pgward.ca.identity.directory import User
from pgward.ca.identity.password_rules import PasswordRules, Person
from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError, UnavailableError


def check(password: str, rules: PasswordRules, user: User, settings: Settings) -> str:
    """Return the password as it is hashed.

    Raises InvalidInputError, or UnavailableError when the list that is to be asked is not there:
    a password that nobody could check is not taken.
    """
    person = Person(user.name, user.full_name, user.email)
    normal = password_rules.check(password, rules, person)
    if rules.breach_list and _is_known(normal, settings.login.breach_list):
        raise InvalidInputError(
            "the password is in a list of known ones: attackers try these first",
            hint="choose another",
        )
    return normal


def can_check(rules: PasswordRules, settings: Settings) -> bool:
    """Tell whether a new password could be checked now; False while the list is not usable."""
    if not rules.breach_list:
        return True
    try:
        breached.examine(Path(settings.login.breach_list))
    except BreachListError:
        return False
    return True


def _is_known(password: str, path: str) -> bool:
    if not path:
        raise _no_list("pgward.toml names none")
    try:
        return breached.contains(Path(path), password)
    except BreachListError as error:
        raise _no_list(error.message) from error


def _no_list(why: str) -> UnavailableError:
    return UnavailableError(
        f"the list of known passwords cannot be asked: {why}",
        hint="an administrator sets breach_list in the section [login] of pgward.toml",
    )
