"""An LDAP directory is asked again by the id that it gave a person, whoever they logged in as.

A renamed entry is found by it, and another one under the former name is somebody else. People
who are linked to a directory are asked about also when they logged in another way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from pgward.ca.identity import external
from pgward.ca.identity.external import Link
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login.confirming.question import EndedError, Question
from pgward.ca.login.desk import Desk
from pgward.ca.login.ldap.directories import Directories, Known
from pgward.ca.login.ldap.errors import LdapRefusedError
from pgward.ca.resources.model import GRACE_MINUTES, REFRESH_MINUTES
from pgward.ca.store import Transaction
from pgward.core.errors import LoginNeededError, NotFoundError


class LdapConfirmer:
    """Asks the directories that have a service account and ids."""

    def __init__(self, desk: Desk, directories: Directories) -> None:
        self._desk = desk
        self._directories = directories

    def concerns(self, session: LoginSession) -> bool:  # noqa: ARG002 - anybody may be linked
        """Tell whether there may be a directory to ask."""
        return self._directories.may_ask_again

    def questions(self, session: LoginSession) -> Sequence[Question]:
        """Return a question for each directory to which the person is linked."""
        names = self._directories.asked_again()
        if not names:
            return ()
        with self._desk.store.read() as connection:
            links = external.links_of(connection, session.user.name)
        found = []
        for link in links:
            known = self._known(link.provider) if link.provider in names else None
            if known is not None and known.directory.can_confirm(link.subject):
                found.append(LdapQuestion(known, link, session.id, session.created_at))
        return found

    def _known(self, name: str) -> Known | None:
        try:
            return self._directories.get(name)
        except NotFoundError:  # removed just now, and the sessions ended with it
            return None


@dataclass(frozen=True, slots=True)
class LdapQuestion:
    """A directory, and who somebody is there."""

    known: Known
    link: Link
    session_id: str
    began_at: datetime

    @property
    def provider(self) -> str:
        """The directory's name."""
        return self.known.name

    @property
    def confirmed_at(self) -> datetime:
        """When the directory last confirmed the person, in whichever session."""
        return self.link.confirmed_at or self.link.linked_at

    @property
    def grace_from(self) -> datetime:
        """Since then, or since a login that did not need the directory."""
        return max(self.confirmed_at, self.began_at)

    @property
    def every(self) -> timedelta:
        """``refreshMinutes``."""
        return timedelta(minutes=self.known.spec.refresh_minutes or REFRESH_MINUTES)

    @property
    def grace(self) -> timedelta:
        """``refreshGraceMinutes``."""
        return timedelta(minutes=self.known.spec.refresh_grace_minutes or GRACE_MINUTES)

    def claim(self) -> bool:
        """Ask, whoever else does: a search uses nothing up."""
        return True

    async def ask(self) -> frozenset[str] | None:
        """Find the entry, and its groups."""
        told = f"the directory {self.provider} does not let you in any more"
        try:
            person = await self.known.directory.confirm(self.link.subject)
        except LdapRefusedError as error:
            raise EndedError(told, why=error.reason) from None
        if person is None:
            why = f"no entry of {self.provider} that may log in has the id {self.link.subject}"
            raise EndedError(told, why=why)
        return person.groups

    def keep(self, transaction: Transaction, now: datetime) -> None:
        """Note when it was; the person may have been unlinked meanwhile."""
        link = external.find(transaction.connection, self.provider, self.link.subject)
        if link is None or link.user != self.link.user:
            raise LoginNeededError(f"you are not linked to {self.provider} any more")
        external.confirmed(transaction, self.provider, self.link.subject, now)

    def sessions(self, connection: Connection, now: datetime) -> Sequence[str]:
        """Return this one, and all that the directory vouched for: it speaks of the person."""
        found = external.sessions_of(
            connection, self.provider, now=now, subject=self.link.subject, user=self.link.user
        )
        return sorted({self.session_id, *found.get(self.link.user, ())})
