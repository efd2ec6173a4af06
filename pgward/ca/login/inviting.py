"""Inviting people: who gets a link, and choosing a password by it.

Looking at a link changes nothing, so mail scanners may. Whatever login rules ask for besides the
password is asked for by the login that comes next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.acts import Act
from pgward.ca.identity import directory, invitations, password_rules
from pgward.ca.identity.directory import User
from pgward.ca.identity.invitations import Invitation
from pgward.ca.login import password_policy, way_back
from pgward.ca.login.desk import Desk
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.notices import queueing
from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError, DeniedError

ACTION = "invitation.accept"
_METHOD = "password"
_CHANGED = "this link is from before your password was last changed"


@dataclass(frozen=True, slots=True)
class Invited:
    """Who may choose a password, and what is asked of it, in words."""

    user: User
    invitation: Invitation
    rules: str


@dataclass(frozen=True, slots=True)
class Inviting:
    """Safe to use from any thread.

    ``refusal`` counts one that is to be put on record, and raises when they are too many.
    """

    desk: Desk
    changes: PasswordChanges
    rules: LoginRuleBook
    refusal: Callable[[], None]

    def invite(self, act: Act, name: str, *, lifetime: timedelta, mail: bool) -> tuple[str, bool]:
        """Make the link of a person, in the place of any before it, within an act.

        Return it, and whether it goes out by e-mail, too. Raises NotFoundError, ConflictError.
        """
        transaction, now = act.transaction, self.desk.now()
        user = directory.get(transaction.connection, name)
        act.target = user.name
        self._check(transaction.connection, user, now, now + lifetime)
        self.withdraw(transaction, user.name)
        made = invitations.create(transaction, user.name, lifetime=lifetime, now=now, by=act.actor)
        mailed = mail and bool(user.email) and bool(self.desk.settings.notify.smtp.server)
        if mailed:
            facts = Facts(
                person=act.actor,
                service=self.desk.settings.ca.name,
                seconds=0,
                until=made.expires_at,
            )
            queueing.queue(transaction, Kind.INVITED, made.id, [user.name], facts, now=now)
        act.details |= {"expires_at": made.expires_at.isoformat(), "mailed": mailed}
        return self.link(made.id), mailed

    def withdraw(self, transaction: Transaction, name: str) -> bool:
        """Have a person's link count no more, and tell nobody of it; False when there was none."""
        found = invitations.remove(transaction, name)
        if found is not None:
            queueing.withdraw(transaction, found, {Kind.INVITED}, now=self.desk.now())
        return found is not None

    def link(self, id: str) -> str:  # noqa: A002 - as the column
        """Return the address of an invitation."""
        return invitations.link(self.desk.sealer, way_back.origin(self.desk.settings), id)

    def look(self, text: str) -> Invited:
        """Return who is invited by a link; raise DeniedError."""
        with self.desk.store.read() as connection:
            return self._find(connection, text)

    async def accept(self, text: str, password: str) -> User:
        """Set the password, and use the link up: all login sessions of the person end.

        Raises DeniedError, which is put on record, InvalidInputError, UnavailableError.
        """
        try:
            invited = await run_sync(self.look, text)
        except DeniedError as error:
            self.refusal()
            await run_sync(self.desk.acts.refused, caller.UNKNOWN, ACTION, None, error)
            raise
        normal = await run_sync(self._checked, invited.user, password)
        await self.changes.refuse_former(invited.user.name, normal)
        encoded = await self.desk.workers.hash(normal)
        return await run_sync(self._store, text, invited, encoded)

    def _store(self, text: str, invited: Invited, encoded: str) -> User:
        name = invited.user.name
        with self.desk.acts.act(name, ACTION, name) as act:
            self._find(act.transaction.connection, text)  # once: another may have been quicker
            self.withdraw(act.transaction, name)
            user, _ = self.changes.store(act, name, encoded, "password chosen by a link")
            act.details["invited_by"] = invited.invitation.created_by
        return user

    def _checked(self, user: User, password: str) -> str:
        with self.desk.store.read() as connection:
            rules = self.rules.of(connection, user).password
        return password_policy.check(password, rules, user, self.desk.settings)

    def _find(self, connection: Connection, text: str) -> Invited:
        now = self.desk.now()
        id_ = invitations.id_of(self.desk.sealer, text)
        found = invitations.get(connection, id_, now)
        user = directory.get(connection, found.user)
        if user.blocked_at is not None or not user.is_valid(now):
            raise DeniedError("the account is blocked, or not valid now")
        if user.password_changed_at is not None and user.password_changed_at > found.created_at:
            raise DeniedError(_CHANGED, hint="sign in, or ask an administrator for a new link")
        words = password_rules.describe(self.rules.of(connection, user).password)
        return Invited(user, found, words)

    def _check(self, connection: Connection, user: User, now: datetime, end: datetime) -> None:
        """Raise ConflictError for who could not use a link until its end."""
        if user.blocked_at is not None:
            raise ConflictError(f"{user.name} is blocked", hint="unblock them first")
        if not (user.is_valid(now) or user.is_valid(end)):
            raise ConflictError(f"the account of {user.name} is not valid now, nor by then")
        methods = self.rules.of(connection, user).methods
        if methods is not None and _METHOD not in methods:
            raise ConflictError(
                f"login rules let {user.name} log in by {', '.join(sorted(methods)) or 'nothing'}"
                " only: a password would be of no use",
                hint="tell them to sign in that way",
            )
