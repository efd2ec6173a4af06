"""The forced change of a password: an administrator wants it, or it is older than rules allow."""

from collections.abc import Mapping
from typing import Any

from anyio.to_thread import run_sync
from pydantic import Field
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory, password_rules
from pgward.ca.identity.directory import User
from pgward.ca.identity.password_rules import PasswordRules
from pgward.ca.login import answers, grounds, password_policy
from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.desk import Desk
from pgward.ca.login.gates.gate import View
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.core.errors import InvalidInputError

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
        await run_sync(self._set, attempt, encoded)

    def _is_too_old(self, view: View) -> bool:
        """Tell whether it is; while none could be chosen, nobody is kept out for that."""
        rules = view.rules.password
        too_old = password_rules.is_too_old(view.user.password_changed_at, rules, view.now)
        return too_old and password_policy.can_check(rules, self._desk.settings)

    def _look_up(self, attempt: Attempt) -> tuple[User, PasswordRules, str | None]:
        with self._desk.store.read() as connection:
            user = _unchanged(connection, attempt)
            rules = self._rules.of(connection, user).password
            return user, rules, directory.password_hash(connection, user.name)

    def _set(self, attempt: Attempt, encoded: str) -> None:
        with self._desk.acts.act(attempt.actor, "user.password", attempt.actor) as act:
            user = _unchanged(act.transaction.connection, attempt)
            changed, _ = self._changes.store(act, user.name, encoded, "password changed")
            act.details["at_login"] = True
        now = grounds.password(changed)
        attempt.grounds = [now if each.kind == _METHOD else each for each in attempt.grounds]


def _unchanged(connection: Connection, attempt: Attempt) -> User:
    """Return the person; raise DeniedError unless all that was proved still stands."""
    grounds.check(connection, attempt.actor, attempt.grounds)
    return directory.get(connection, attempt.actor)
