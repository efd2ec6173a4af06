"""A new password, whoever sets it: what it may not be, and what ends with the old one."""

from collections.abc import Sequence

from anyio.to_thread import run_sync

from pgward.ca.acts import Act
from pgward.ca.identity import directory, password_history, sessions
from pgward.ca.identity.directory import User
from pgward.ca.login.desk import Desk
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.revoking.revocation import Revoker
from pgward.core.errors import InvalidInputError


class PasswordChanges:
    """One process's."""

    def __init__(self, desk: Desk, revoker: Revoker) -> None:
        self._desk = desk
        self._revoker = revoker
        self._rules = LoginRuleBook(desk.settings)

    async def refuse_former(self, user: str, password: str) -> None:
        """Raise InvalidInputError for one of the last passwords, as far as the rules ask for that.

        The present one is among them. Raises UnavailableError when too many are looked for.
        """
        most, hashes = await run_sync(self._former, user)
        if await self._desk.workers.is_one_of(hashes, password):
            raise InvalidInputError(
                f"the password is one of your last {most}", hint="choose another"
            )

    def store(
        self,
        act: Act,
        name: str,
        encoded: str,
        why: str,
        *,
        keep: str | None = None,
        must_change: bool = False,
    ) -> tuple[User, list[str]]:
        """Set the hash, and end all login sessions of the person but ``keep``, in an act.

        Return the person, and the serial numbers that were revoked; the act's details count both.
        """
        transaction, now = act.transaction, self._desk.now()
        user = directory.get(transaction.connection, name)
        rules = self._rules.of(transaction.connection, user).password
        old = directory.password_hash(transaction.connection, user.name)
        password_history.remember(transaction, user.name, old, max(0, rules.history - 1))
        changed = directory.set_password(
            transaction, user.name, encoded, now=now, must_change=must_change
        )
        ended = sessions.end(transaction, why, now=now, user=user.name, keep=keep)
        serials = []
        if ended:
            serials = self._revoker.end_sessions(transaction, user.name, ended, now=now)
        act.target = user.name
        act.details |= {"sessions": len(ended), "revoked": len(serials)}
        return changed, serials

    def _former(self, name: str) -> tuple[int, Sequence[str]]:
        with self._desk.store.read() as connection:
            user = directory.get(connection, name)
            most = self._rules.of(connection, user).password.history
            present = directory.password_hash(connection, user.name)
            if not most or present is None:
                return most, ()
            return most, [present, *password_history.former(connection, user.name, most - 1)]
