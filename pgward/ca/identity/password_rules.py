"""What a company wants of its passwords, beyond what `passwords.check` refuses anyway; pure.

Length protects, and a list of known passwords does (NIST SP 800-63B section 5.1.1.2). Classes of
letters, a maximal age and a history are here because auditors ask for them, and off unless set.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgward.ca.identity import passwords
from pgward.core.errors import InvalidInputError

CLASSES = ("lower-case letters", "upper-case letters", "digits", "other characters")
_LEAST_WORD = 3  # letters: shorter names are in any password by chance
_NOT_A_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """The rules of one person; ``strictest`` joins those of several sources."""

    min_length: int = passwords.MIN_LENGTH
    classes: int = 1  # of CLASSES, at least so many
    max_age: timedelta | None = None
    breach_list: bool = False  # refuse what the list of known passwords has
    history: int = 0  # refuse the last so many, the present one among them

    def strictest(self, other: "PasswordRules") -> "PasswordRules":
        """Return rules that whatever satisfies them satisfies both."""
        ages = [each.max_age for each in (self, other) if each.max_age is not None]
        return PasswordRules(
            min_length=max(self.min_length, other.min_length),
            classes=max(self.classes, other.classes),
            max_age=min(ages, default=None),
            breach_list=self.breach_list or other.breach_list,
            history=max(self.history, other.history),
        )


DEFAULT = PasswordRules()


@dataclass(frozen=True, slots=True)
class Person:
    """What of a person must not be in their password."""

    name: str
    full_name: str = ""
    email: str = ""


def check(password: str, rules: PasswordRules, person: Person) -> str:
    """Return the password as it is hashed; raise InvalidInputError with all that is wrong."""
    normal = passwords.check(password)
    problems = list(_problems(normal, rules, person))
    if problems:
        raise InvalidInputError(
            "the password does not meet the rules: " + "; ".join(problems),
            hint="several unrelated words make a long password that can be remembered",
        )
    return normal


def is_too_old(changed_at: datetime | None, rules: PasswordRules, now: datetime) -> bool:
    """Tell whether a password has to be changed because of its age."""
    # A time in the future is a clock's that was wrong: that password's age is not known.
    if rules.max_age is None or changed_at is None or changed_at > now + timedelta(days=1):
        return rules.max_age is not None
    return now - changed_at > rules.max_age


def describe(rules: PasswordRules) -> str:
    """Say what is asked for, for who is about to choose a password."""
    text = f"at least {rules.min_length} letters"
    if rules.classes > 1:
        text += f", of {rules.classes} of the kinds {', '.join(CLASSES)}"
    if rules.history:
        text += f", none of your last {rules.history} passwords"
    return text + ", and not your name"


def _problems(password: str, rules: PasswordRules, person: Person) -> Iterable[str]:
    if len(password) < rules.min_length:
        yield f"it has {len(password)} letters of at least {rules.min_length}"
    missing = [name for name in CLASSES if name not in _classes(password)]
    if len(CLASSES) - len(missing) < rules.classes:
        wanted = rules.classes - (len(CLASSES) - len(missing))
        yield f"it needs {'also' if wanted == 1 else f'{wanted} of'} {' or '.join(missing)}"
    if any(word in password.casefold() for word in _words(person)):
        yield "it has a part of your name or e-mail address in it"


def _classes(password: str) -> set[str]:
    return {_class(letter) for letter in password}


def _class(letter: str) -> str:
    lower, upper, digit, other = CLASSES
    kind = unicodedata.category(letter)
    return {"Ll": lower, "Lu": upper, "Lt": upper, "Nd": digit}.get(kind, other)


def _words(person: Person) -> set[str]:
    local = person.email.partition("@")[0]
    texts = (person.name.partition("@")[0], local, person.full_name)
    found = {text.casefold() for text in texts}
    for text in texts:
        found.update(_NOT_A_WORD.split(text.casefold()))
    return {word for word in found if len(word) >= _LEAST_WORD}
