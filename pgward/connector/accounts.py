"""Change passwords of accounts at a server: put there, tried by a login, and then told the CA.

What the server gets is a SCRAM verifier (RFC 5802) made here: the password itself is never in a
statement or in its log. The CA keeps the one before until a login with the new one worked; a
change that broke off is begun again with the same password.
"""

import logging
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import psycopg
from psycopg import sql

from pgward.connector.own_thread import OwnThread
from pgward.core.errors import ConflictError, DeniedError, PgwardError, UnavailableError
from pgward.pgwire import scram
from pgward.system.safe_text import clean

log = logging.getLogger("pgward.connector")

RETRY_SECONDS: Final = 60.0
_SALT_BYTES: Final = 16
_MOST_FAILURE: Final = 1000
_PATH: Final = "/v1/connector/accounts"
_BROKEN: Final = "08"  # SQLSTATE class: the connection failed, so nobody knows what came of it


class Ca(Protocol):
    """The CA, as a machine asks it."""

    def call(self, method: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask; raise PgwardError."""
        ...


class Server(Protocol):
    """A server, and a way to try an account's password."""

    def connect(self, database: str | None = None) -> "psycopg.Connection[Any]":
        """Return a new connection of the connector's own account."""
        ...

    def log_in(self, user: str, password: str, database: str | None = None) -> None:
        """Log in as another account and leave; raise DeniedError, UnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class _Begun:
    version: int
    value: str = field(repr=False)
    former: str = field(repr=False)

    @classmethod
    def read(cls, reply: Mapping[str, Any]) -> "_Begun":
        try:
            value, former = (b64decode(reply[name]).decode() for name in ("value", "former"))
            return cls(int(reply["version"]), value, former)
        except (KeyError, TypeError, ValueError):
            raise UnavailableError(
                "the CA's answer cannot be read", hint="look at the CA's version"
            ) from None


def change(ca: Ca, server: Server, integration: str, user: str) -> bool:
    """Change an account's password; tell whether it has a new one now.

    Raises PgwardError where it is not known what came of it: then it is to be begun again.
    """
    whose = {"integration": integration, "user": user}
    begun = _Begun.read(ca.call("POST", f"{_PATH}/begin", whose))
    failure = _put(server, user, begun)
    told = {**whose, "version": begun.version}
    if failure is not None:
        log.warning("%s: the password of %s stays: %s", integration, clean(user), failure)
        told["failure"] = failure[:_MOST_FAILURE]
    ca.call("POST", f"{_PATH}/end", told)
    if failure is None:
        log.info("%s: the password of %s is another now", integration, clean(user))
    return failure is None


def _put(server: Server, user: str, begun: _Begun) -> str | None:
    """Put the new password there and try it; return what went wrong, if the one before holds."""
    failure = _alter(server, user, begun.value)
    if failure is not None:
        return failure
    try:
        server.log_in(user, begun.value)
    except DeniedError as error:
        back = _alter(server, user, begun.former)
        told = f"nobody can log in with the new one: {error.message}"
        return told if back is None else f"{told}; nor is the one before put back: {back}"
    return None


def _alter(server: Server, user: str, password: str) -> str | None:
    """Give an account a password; return why the server does not take it."""
    verifier = scram.stored(password, secrets.token_bytes(_SALT_BYTES))
    statement = sql.SQL("alter role {} password {}").format(
        sql.Identifier(user), sql.Literal(verifier)
    )
    try:
        with server.connect() as connection:
            connection.execute(statement)
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(_BROKEN):
            raise UnavailableError("the connection to the server broke") from error
        return clean(error.diag.message_primary or "the server refuses it")
    return None


class Changer(OwnThread):
    """Changes passwords in a thread of its own, as the CA says whose are due."""

    def __init__(self, ca: Ca) -> None:
        super().__init__("accounts")
        self._ca = ca
        self._due: dict[tuple[str, str], Callable[[], Server]] = {}

    def tell(self, integration: str, server: Callable[[], Server], users: Sequence[str]) -> None:
        """Say whose passwords are due at an integration's server: these, and no others."""
        with self._changed:
            self._due = {key: each for key, each in self._due.items() if key[0] != integration}
            self._due |= {(integration, user): server for user in users}
            self._changed.notify_all()

    def drop(self, integration: str) -> None:
        """Change nothing at an integration's server any more."""
        with self._changed:
            self._due = {key: each for key, each in self._due.items() if key[0] != integration}

    def turn(self) -> bool:
        """Change all that are due; tell whether some have to be tried again."""
        with self._changed:
            due = dict(self._due)
        for (integration, user), server in due.items():
            if self._ended:
                break
            try:
                change(self._ca, server(), integration, user)
            except ConflictError as error:  # done by another, or another value by hand
                log.info("%s: the password of %s: %s", integration, clean(user), error)
            except PgwardError as error:
                log.warning("%s: the password of %s: %s", integration, clean(user), error)
                continue
            with self._changed:
                self._due.pop((integration, user), None)
        return bool(self._due)

    def _run(self) -> None:
        while True:
            try:
                again = self.turn()
            except Exception:  # it is tried again in its time
                log.exception("passwords of accounts: an error of ours")
                again = True
            with self._changed:
                if not self._ended and (again or not self._due):
                    self._changed.wait(RETRY_SECONDS if again else None)
                if self._ended:
                    return
