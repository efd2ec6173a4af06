"""Logging in with a password that the CA itself knows the hash of."""

from collections.abc import Iterable

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.identity import devices, directory
from pgward.ca.identity.directory import User
from pgward.ca.login import grounds
from pgward.ca.login.attempt import Ask, Attempt, NeverAsks, Proven, wrong_credentials
from pgward.ca.login.desk import Desk
from pgward.ca.login.method import Offer
from pgward.core.errors import InvalidInputError


class PasswordMethod(NeverAsks):
    """One request: a name and a password."""

    kind = "password"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def offers(self, connection: Connection) -> Iterable[Offer]:  # noqa: ARG002 - always the same
        """Return the one offer."""
        return [Offer(self.kind, None, "Password", ("user", "password"))]

    async def begin(self, attempt: Attempt) -> Proven | Ask:
        """Verify the password; an unknown user and a wrong password get the same answer."""
        attempt.check_no_provider()
        name, password = attempt.given.user, attempt.given.password
        if name is None or password is None:
            raise InvalidInputError("user and password are needed for this method")
        desk, address = self._desk, caller.client.get()
        user, encoded, device = await run_sync(self._look_up, name, attempt.thumbprint)
        desk.throttle.begin(address, name, desk.monotonic(), device=device)
        right = await desk.workers.verify(encoded, password)
        if not right or user is None or encoded is None:
            why = "unknown user" if user is None else "wrong password"
            raise wrong_credentials(why, None if user is None else user.name)
        desk.throttle.succeeded(address, name, device=device)
        if desk.workers.passwords.is_outdated(encoded):
            renewed = await desk.workers.hash(password)
            await run_sync(self._renew, user.name, encoded, renewed)
        rests_on = (grounds.account(user), grounds.password(user))
        return Proven(user.name, (self.kind,), rests_on)

    def _look_up(self, name: str, thumbprint: str) -> tuple[User | None, str | None, str | None]:
        """Return the person, the hash, and the thumbprint if it is of a device of theirs."""
        with self._desk.store.read() as connection:
            user = directory.find(connection, name)
            if user is None:
                return None, None, None
            known = devices.is_known(connection, user.name, thumbprint)
            encoded = directory.password_hash(connection, name)
            return user, encoded, thumbprint if known else None

    def _renew(self, name: str, encoded: str, renewed: str) -> None:
        """Replace a hash made with yesterday's parameters, unless somebody else did something."""
        with self._desk.store.write() as transaction:
            if directory.password_hash(transaction.connection, name) == encoded:
                directory.set_password(
                    transaction, name, renewed, now=self._desk.now(), changed=False
                )
