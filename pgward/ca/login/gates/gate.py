"""What every gate does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from sqlalchemy.engine import Connection

from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.rules import LoginRules
from pgward.core.errors import DeniedError


@dataclass(frozen=True, slots=True)
class View:
    """The person as the store has it at this moment, and the rules that hold."""

    connection: Connection
    user: User
    rules: LoginRules
    now: datetime


def present(connection: Connection, name: str) -> User:
    """Return who logs in; raise DeniedError when they were removed since they proved who they are.

    Whatever a login writes belongs to a person of the directory, so each of its writing
    transactions asks.
    """
    user = directory.find(connection, name)
    if user is None:
        raise DeniedError("the user was removed during the login")
    return user


class Gate(Protocol):
    """Lets an attempt pass, asks for something, or refuses (RefusedLoginError, DeniedError)."""

    kind: str

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Return what is missing, None when nothing is; blocks on the store, and changes nothing.

        It is called again in the transaction that starts the session.
        """
        ...

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> None:
        """Take the answer to what was asked: note in ``attempt`` that it is fulfilled."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A gate that must do something before it asks."""

    async def prepare(self, attempt: Attempt, ask: Ask) -> None:
        """See to what the ask speaks of; called before each time that it is asked."""
        ...
