"""What a proof rests on, and whether that still stands: a login may take ten minutes.

Meanwhile an account, a password, a passkey, an app or a link may be removed, and another one take
its place under the same name. So whatever proved who somebody is notes its *ground*, with the time
since when it has been there. Each is looked at again in the transaction that starts the session,
or stores what the login set up.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy.engine import Connection

from pgward.ca.identity import directory, external, second_factors
from pgward.ca.identity.directory import User
from pgward.ca.identity.external import Link
from pgward.ca.identity.second_factors import TotpSecret
from pgward.ca.login.passkeys import credentials
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.core.clock import precise_rfc3339
from pgward.core.errors import DeniedError

_ACCOUNT, _LINK = "account", "link"


@dataclass(frozen=True, slots=True)
class Ground:
    """One thing of a person's; ``kind`` is that of the factor, if it is one.

    ``name`` tells it from others of its kind, and ``since`` from an earlier one of its name.
    """

    kind: str
    name: str
    since: str


def account(user: User) -> Ground:
    """Return the account itself."""
    return Ground(_ACCOUNT, user.name, _text(user.created_at))


def password(user: User) -> Ground:
    """Return the password of now; it stays the same one when it is hashed anew."""
    return Ground("password", user.name, _text(user.password_changed_at))


def link(known: Link) -> Ground:
    """Return who somebody is at an identity provider."""
    return Ground(_LINK, json.dumps([known.provider, known.subject]), _text(known.linked_at))


def passkey(known: Passkey) -> Ground:
    """Return one passkey."""
    return Ground("webauthn", known.id, _text(known.created_at))


def app(known: TotpSecret) -> Ground:
    """Return the authenticator app."""
    return Ground("totp", known.user, _text(known.created_at))


def recovery(user: str, made_at: datetime) -> Ground:
    """Return the recovery codes: all that were made at that time."""
    return Ground("recovery", user, _text(made_at))


def of_arrival(connection: Connection, user: User, provider: str, subject: str) -> list[Ground]:
    """Return what a login at an identity provider rests on."""
    found = external.find(connection, provider, subject)
    assert found is not None  # noqa: S101 - made or found in this transaction
    return [account(user), link(found)]


def check(
    connection: Connection,
    user: str,
    grounds: Iterable[Ground],
    *,
    during: str = "login",
    again: str = "pgward login",
) -> None:
    """Raise DeniedError unless everything is there still, and is this person's."""
    present = _Present(connection, user)
    for ground in grounds:
        if present.of(ground) != ground:
            raise DeniedError(f"{_LOST[ground.kind]} during the {during}", hint=again)


class _Present:
    """What there is of a person now; each thing is read once."""

    def __init__(self, connection: Connection, user: str) -> None:
        self._connection = connection
        self._user = user

    def of(self, ground: Ground) -> Ground | None:
        """Return what has that kind and name now."""
        return _READERS[ground.kind](self, ground.name)

    @cached_property
    def _person(self) -> User | None:
        return directory.find(self._connection, self._user)

    def account(self, _name: str) -> Ground | None:
        return None if self._person is None else account(self._person)

    def password(self, _name: str) -> Ground | None:
        return None if self._person is None else password(self._person)

    def link(self, name: str) -> Ground | None:
        found = external.find(self._connection, *json.loads(name))
        return link(found) if found is not None and found.user == self._user else None

    def passkey(self, name: str) -> Ground | None:
        found = credentials.find(self._connection, name)
        return passkey(found) if found is not None and found.user == self._user else None

    def app(self, _name: str) -> Ground | None:
        found = second_factors.totp(self._connection, self._user)
        return None if found is None else app(found)

    def recovery(self, _name: str) -> Ground | None:
        found = second_factors.codes_made_at(self._connection, self._user)
        return None if found is None else recovery(self._user, found)


def _text(moment: datetime | None) -> str:
    return "" if moment is None else precise_rfc3339(moment)


_READERS: Mapping[str, Callable[[_Present, str], Ground | None]] = {
    _ACCOUNT: _Present.account,
    _LINK: _Present.link,
    "password": _Present.password,
    "webauthn": _Present.passkey,
    "totp": _Present.app,
    "recovery": _Present.recovery,
}
_LOST: Mapping[str, str] = {
    _ACCOUNT: "the user was removed",
    _LINK: "the link to the identity provider was removed",
    "password": "the password was changed",
    "webauthn": "the passkey was removed",
    "totp": "the authenticator app was removed or replaced",
    "recovery": "the recovery codes were removed or replaced",
}
