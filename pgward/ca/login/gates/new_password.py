"""The forced change of a password: an administrator wants it, or it is older than rules allow."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anyio.to_thread import run_sync
from pydantic import Field

from pgward.ca.identity import directory, password_rules
from pgward.ca.identity.directory import User
from pgward.ca.identity.password_rules import PasswordRules
from pgward.ca.login import answers, password_policy
from pgward.ca.login.attempt import Ask, Attempt, Proven
from pgward.ca.login.desk import Desk
from pgward.ca.login.gates.gate import View
from pgward.ca.login.password import guard_of
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.core.errors import DeniedError, InvalidInputError

_METHOD = "password"


class NewPasswordAnswer(answers.Answer):
    """The password that replaces the one of this login."""

    password: str = Field(max_length=4096, repr=False)


class NewPassword:
    """Asks ``new_password`` of who logged in with a password that must be changed."""

    kind = "new_password"

    def __init__(self, desk: Desk, changes: PasswordChanges) -> None:
        self._desk = desk
        self._changes = changes
        self._rules = LoginRuleBook(desk.settings)

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Ask when it must be changed; other methods have nothing to change here."""
        if _METHOD not in attempt.factors:
            return None
        rules = view.rules.password
        why = None
        if view.user.must_change_password:
            why = "your password must be changed"
        elif self._is_too_old(view):
            why = "your password is too old, and must be changed"
        if why is None:
            return None
        return Ask(self.kind, {"why": why, "rules": password_rules.describe(rules)})

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> None:
        """Set the password, which ends all other logins; the proof holds on.

        Raises InvalidInputError, DeniedError.
        """
        password = answers.read(NewPasswordAnswer, answer).password
        desk = self._desk
        user, rules, old = await run_sync(self._look_up, attempt)
        normal = await run_sync(password_policy.check, password, rules, user, desk.settings)
        if await desk.workers.verify(old, normal):
            raise InvalidInputError("the new password is the old one", hint="choose another")
        await self._changes.refuse_former(user.name, normal)
        encoded = await desk.workers.hash(normal)
        attempt.proven = await run_sync(self._set, attempt, encoded)

    def _is_too_old(self, view: View) -> bool:
        """Tell whether it is; while none could be chosen, nobody is kept out for that."""
        rules = view.rules.password
        too_old = password_rules.is_too_old(view.user.password_changed_at, rules, view.now)
        return too_old and password_policy.can_check(rules, self._desk.settings)

    def _look_up(self, attempt: Attempt) -> tuple[User, PasswordRules, str | None]:
        with self._desk.store.read() as connection:
            user = _unchanged(directory.find(connection, attempt.actor), attempt)
            rules = self._rules.of(connection, user).password
            return user, rules, directory.password_hash(connection, user.name)

    def _set(self, attempt: Attempt, encoded: str) -> Proven:
        with self._desk.acts.act(attempt.actor, "user.password", attempt.actor) as act:
            user = _unchanged(directory.find(act.transaction.connection, attempt.actor), attempt)
            changed, _ = self._changes.store(act, user.name, encoded, "password changed")
            act.details["at_login"] = True
        assert attempt.proven is not None  # noqa: S101 - gates come after a method's proof
        return replace(attempt.proven, guard=guard_of(changed))


def _unchanged(user: User | None, attempt: Attempt) -> User:
    """Raise DeniedError unless the password is still the one that was proved."""
    if user is None or attempt.proven is None or guard_of(user) != attempt.proven.guard:
        raise DeniedError("the password was changed during the login", hint="pgward login")
    return user
