"""What every second factor does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from pgward.ca.acts import RefusedError
from pgward.ca.login.grounds import Ground
from pgward.ca.store import Transaction

SECOND = frozenset({"totp", "recovery", "webauthn", "mfa"})
"""What counts as a second factor in ``Attempt.factors``; ``mfa`` is an identity provider's."""

OWN = SECOND - {"mfa"}
"""Those that were proved to us: a provider may vouch for one of days ago."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """``facts`` are for the client, ``memory`` is needed to judge the answer.

    ``grounds`` are the things that are asked for: an answer to what is gone counts no more.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)
    grounds: Sequence[Ground] = ()


class WrongFactorError(RefusedError):
    """What was given proves nothing."""


class Factor(Protocol):
    """One kind of second factor."""

    kind: str

    def challenge(self, connection: Connection, user: str) -> Challenge | None:
        """Return what a person must answer; None for who has no such factor."""
        ...

    def prove(
        self,
        transaction: Transaction,
        user: str,
        answer: Mapping[str, Any],
        memory: Mapping[str, Any],
    ) -> Ground:
        """Judge an answer, and use it up; return what proved it.

        Blocks. Raises WrongFactorError, FieldsError.
        """
        ...
