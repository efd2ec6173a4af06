"""What asks a provider anew about a person: the same for every type of provider."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.engine import Connection

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.store import Transaction
from pgward.core.errors import DeniedError


class EndedError(DeniedError):
    """The provider does not stand by the person any more; ``why`` is for the audit log."""

    def __init__(self, message: str, *, why: str | None = None) -> None:
        super().__init__(message)
        self.why = why or message


class Question(Protocol):
    """What one provider is asked about one login session."""

    @property
    def provider(self) -> str:
        """The provider's name."""
        ...

    @property
    def confirmed_at(self) -> datetime:
        """When the provider last stood by the person."""
        ...

    @property
    def grace_from(self) -> datetime:
        """Since when nobody has."""
        ...

    @property
    def every(self) -> timedelta:
        """How long that is good for (``refreshMinutes``)."""
        ...

    @property
    def grace(self) -> timedelta:
        """How long renewals go on after that (``refreshGraceMinutes``)."""
        ...

    def claim(self) -> bool:
        """Be the one who asks; False while another replica does. Blocks on the store."""
        ...

    async def ask(self) -> frozenset[str] | None:
        """Return the person's groups, None when nothing is said of them.

        Raises EndedError, or another PgwardError when nothing could be learnt of the person.
        """
        ...

    def keep(self, transaction: Transaction, now: datetime) -> None:
        """Write down what was learnt; raise LoginNeededError where it holds no more."""
        ...

    def sessions(self, connection: Connection, now: datetime) -> Sequence[str]:
        """Return the ids of the sessions that end with an EndedError."""
        ...


class Confirmer(Protocol):
    """Knows how providers of one type are asked."""

    def concerns(self, session: LoginSession) -> bool:
        """Tell whether there may be questions about a session; does not block."""
        ...

    def questions(self, session: LoginSession) -> Sequence[Question]:
        """Return what there is to ask; blocks on the store. Raises LoginNeededError."""
        ...
