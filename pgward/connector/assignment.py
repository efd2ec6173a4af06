"""What the CA tells a connector of its integrations. Pure."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, Self, TypeAlias

from pgward.access.questions import Question
from pgward.access.wanted import Wanted
from pgward.client.secrets import reference
from pgward.client.secrets.reference import SecretRef
from pgward.core import names
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError, UnavailableError

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SYSTEM_ROOTS: Final = "system"
MOST_QUESTIONS: Final = 20
MOST_INTEGRATIONS: Final = 1000
_SSL_MODES: Final[Mapping[str, SslMode]] = {
    "disable": "disable",
    "allow": "allow",
    "prefer": "prefer",
    "require": "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
}
_LAST_PORT = 65535
_NUMBER = re.compile("[0-9a-f]{1,32}")
_MOST_NAME = 63
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, OverflowError, InvalidInputError)


@dataclass(frozen=True, slots=True)
class Password:
    """The connector's account has a password, which is in that place."""

    secret: SecretRef


@dataclass(frozen=True, slots=True)
class Certificate:
    """The connector gets certificates in its account's name from the CA, good for some time."""

    seconds: int


Auth: TypeAlias = Password | Certificate | None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where a PostgreSQL server is, and how to log in; without ``auth`` it asks for nothing.

    ``ssl_root_cert`` is PEM, ``system``, or None for pgward's CA; ``discovery`` as it came.
    ``accounts`` are those whose passwords are to be changed now.
    """

    host: str
    port: int
    database: str
    user: str
    auth: Auth = None
    ssl_mode: SslMode = "verify-full"
    ssl_root_cert: str | None = None
    server_name: str | None = None
    discovery: Mapping[str, Any] | None = field(default=None, hash=False)
    accounts: tuple[str, ...] = ()

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read the CA's word; raise InvalidInputError, KeyError and the like for another form."""
        discovery = fields.get("discovery")
        return cls(
            host=_text(fields["host"]),
            port=_port(fields["port"]),
            database=_name(fields["database"]),
            user=_name(fields["user"]),
            auth=_auth(fields["auth"]),
            ssl_mode=_SSL_MODES[fields["ssl_mode"]],
            ssl_root_cert=_optional(fields["ssl_root_cert"]),
            server_name=_optional(fields["server_name"]),
            discovery=None if discovery is None else dict(discovery),
            accounts=tuple(_name(each) for each in fields.get("accounts", ())),
        )

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Ending:
    """A grant that is over for the CA, which waits to hear that the server has nothing of it."""

    id: str
    role: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """An integration, its grants, and those that the CA waits to hear the end of.

    ``questions`` are what people want to know who decide about more; ``check`` is the number of a
    question whether the server can be worked at all.
    """

    name: str
    settings: ServerSettings
    wanted: Wanted
    ending: tuple[Ending, ...] = ()
    questions: tuple[Question, ...] = ()
    check: str | None = None

    def wants_as(self, other: "Assignment | None") -> bool:
        """Tell whether it has the same done as another: questions change no server."""
        if other is None:
            return False
        wanted = replace(other.wanted, version=self.wanted.version)
        return self == replace(other, questions=self.questions, check=self.check, wanted=wanted)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read the CA's word; raise UnavailableError when it cannot be."""
        try:
            return cls(
                name=names.resource_name(fields["name"]),
                settings=ServerSettings.read(fields["settings"]),
                wanted=Wanted.read(fields["wanted"]),
                ending=tuple(
                    Ending(_text(each["id"]), _name(each["role"]))
                    for each in fields.get("ending", ())
                ),
                questions=_questions(fields.get("questions", ())),
                check=_check(fields.get("check")),
            )
        except _BROKEN as error:
            raise UnavailableError(
                f"what the CA says about an integration cannot be read: {_why(error)}",
                hint="its version is perhaps newer than this connector's",
            ) from error


@dataclass(frozen=True, slots=True)
class Told:
    """One answer of the CA: its clock, and the fields of each integration by name."""

    version: int
    now: datetime
    integrations: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, reply: Mapping[str, Any]) -> Self:
        """Read an answer; raise UnavailableError. Each integration is read by itself later."""
        try:
            found = reply["integrations"]
            if len(found) > MOST_INTEGRATIONS:
                raise ValueError("more integrations than a connector serves")
            integrations = {names.resource_name(each["name"]): dict(each) for each in found}
            return cls(int(reply["version"]), parse_rfc3339(reply["now"]), integrations)
        except _BROKEN as error:
            raise UnavailableError(
                f"the CA's answer cannot be read: {_why(error)}", hint="look at the CA's version"
            ) from error


def _questions(asked: Sequence[Mapping[str, Any]]) -> tuple[Question, ...]:
    """Return those that can be read: grants do not wait for what is only to be looked at."""
    found = []
    for each in asked[:MOST_QUESTIONS]:
        with contextlib.suppress(InvalidInputError):
            found.append(Question.read(each))
    return tuple(found)


def _check(number: object) -> str | None:
    """Return the number of a question; one of another form is not answered."""
    return number if isinstance(number, str) and _NUMBER.fullmatch(number) else None


def _why(error: Exception) -> str:
    return error.message if isinstance(error, InvalidInputError) else type(error).__name__


def _auth(fields: Mapping[str, Any]) -> Auth:
    if "password" in fields:
        return Password(reference.read(fields["password"]))
    if "certificate" in fields:
        return Certificate(60 * int(fields["certificate"]["minutes"]))
    if fields["none"] is not True:
        raise ValueError("an integration that says not how to log in")
    return None


def _port(value: object) -> int:
    if not isinstance(value, int) or not 0 < value <= _LAST_PORT:
        raise ValueError("that is no port")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("that is no word")
    return value


def _name(value: object) -> str:
    """Return a name of PostgreSQL's, which takes whatever is no NUL."""
    if not isinstance(value, str) or not value or "\0" in value or len(value.encode()) > _MOST_NAME:
        raise ValueError("that is no name")
    return value


def _optional(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("that is no text")
    return value
