"""Logging in with a password that a company's LDAP directory checks."""

import unicodedata
from collections.abc import Iterable

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.identity import devices, directory
from pgward.ca.login import grounds
from pgward.ca.login.attempt import Ask, Attempt, NeverAsks, Proven, wrong_credentials
from pgward.ca.login.desk import Desk
from pgward.ca.login.ldap.directories import Directories, Known
from pgward.ca.login.ldap.entries import LdapPerson
from pgward.ca.login.ldap.errors import LdapError, LdapRefusedError
from pgward.ca.login.method import Offer
from pgward.ca.login.oidc import arrival
from pgward.ca.login.oidc.claims import Person
from pgward.ca.login.oidc.relying_party import Identity
from pgward.core.errors import InvalidInputError, UnavailableError

_AT_ONCE = 32  # a directory that is slow must not hold every request


class LdapMethod(NeverAsks):
    """One request: a name and a password."""

    kind = "ldap"

    def __init__(self, desk: Desk, directories: Directories) -> None:
        self._desk = desk
        self._directories = directories
        self._inside = 0

    def offers(self, connection: Connection) -> Iterable[Offer]:
        """Return an offer for each directory."""
        for each in self._directories.every(connection):
            yield Offer(self.kind, each.name, each.description or each.name, ("user", "password"))

    async def begin(self, attempt: Attempt) -> Proven | Ask:
        """Ask the directory; it learns the password, and nobody else does."""
        name, password = attempt.given.user, attempt.given.password
        if name is None or password is None:
            raise InvalidInputError("user and password are needed for this method")
        known = await run_sync(self._directories.get, attempt.provider)
        attempt.provider = known.name
        desk, address = self._desk, caller.client.get()
        user, device = await run_sync(self._look_up, name, attempt.thumbprint)
        account = _folded(name)
        desk.throttle.begin(address, account, desk.monotonic(), device=device)
        try:
            person = await self._authenticated(known, name, password)
        except LdapRefusedError as error:
            raise wrong_credentials(error.reason, user) from None
        except LdapError as error:
            await run_sync(self._failed, known, error)
            raise UnavailableError(
                f"the directory {known.name} cannot be asked now",
                hint="try again soon; administrators: pgward idp test",
            ) from None
        desk.throttle.succeeded(address, account, device=device)
        return await run_sync(self._arrived, known, person)

    async def _authenticated(self, known: Known, name: str, password: str) -> LdapPerson:
        if self._inside >= _AT_ONCE:
            raise UnavailableError("too many logins at once", hint="try again in a few seconds")
        self._inside += 1
        try:
            return await known.directory.authenticate(name, password)
        finally:
            self._inside -= 1

    def _look_up(self, name: str, thumbprint: str) -> tuple[str | None, str | None]:
        """Return whose name it is here, if anybody's, and the thumbprint of a known device."""
        with self._desk.store.read() as connection:
            user = directory.find(connection, name)
            if user is None:
                return None, None
            known = devices.is_known(connection, user.name, thumbprint)
            return user.name, thumbprint if known else None

    def _failed(self, known: Known, error: LdapError) -> None:
        details = {"method": self.kind, "provider": known.name}
        self._desk.acts.refused(caller.UNKNOWN, "session.start", None, error, details)

    def _arrived(self, known: Known, found: LdapPerson) -> Proven:
        person = Person(found.name, found.full_name, found.email, found.groups)
        identity = Identity(known.spec.servers[0], found.subject, person, None, None)
        with self._desk.store.write() as transaction:
            user, details = arrival.arrive(
                transaction, known.name, known.spec, identity, now=self._desk.now()
            )
            rests_on = grounds.of_arrival(transaction.connection, user, known.name, found.subject)
        return Proven(
            user.name,
            (self.kind,),
            tuple(rests_on),
            subject=found.subject,
            details={"subject": found.subject, "dn": found.dn[:500], **details},
        )


def _folded(name: str) -> str:
    """Return what is counted as one account.

    Directories compare without regard to case and width of letters (RFC 4518), some to accents: so
    many ways to write a name must not be so many times the guesses.
    """
    parts = unicodedata.normalize("NFKD", name).casefold()
    return "".join(each for each in parts if not unicodedata.combining(each))
