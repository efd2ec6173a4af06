"""Where a login token rests: the operating system's keyring, or a 0600 file.

``PGWARD_TOKEN_STORE`` chooses: ``auto`` (default) takes the keyring if it works,
``keyring`` insists on it, ``file`` never asks for it. A keyring may raise anything, hang
(a prompt that nobody sees), or forget what it was given: all of that is "it does not work".
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from pgward.core.errors import InvalidInputError
from pgward.system import os_keyring
from pgward.system.os_keyring import KeyringError

FILE = "token"
VARIABLE = "PGWARD_TOKEN_STORE"
_SERVICE = "pgward"
_CHOICES = ("auto", "keyring", "file")


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token is: a keyring account, or the file ``token`` in the generation (None)."""

    account: str | None

    @property
    def in_file(self) -> bool:
        """Tell whether the token is a file of the identity's generation."""
        return self.account is None

    def to_json(self) -> dict[str, str | None]:
        """Write it for session.json."""
        return {"store": "file" if self.in_file else "keyring", "account": self.account}


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a new token went, and why not into the keyring when that was tried."""

    place: TokenPlace
    refused: str | None = None


def choice() -> Literal["auto", "keyring", "file"]:
    """Return what PGWARD_TOKEN_STORE says; raise InvalidInputError."""
    value = os.environ.get(VARIABLE) or "auto"
    if value not in _CHOICES:
        raise InvalidInputError(
            f"{value!r} is no place for tokens", where=VARIABLE, hint=f"use {', '.join(_CHOICES)}"
        )
    return cast("Literal['auto', 'keyring', 'file']", value)


def keep(token: str, user: str, url: str) -> Kept:
    """Put a new token into the keyring, or say that it must go into a file.

    Raises KeyringError only when the person insists on the keyring.
    """
    wanted = choice()
    if wanted == "file":
        return Kept(TokenPlace(None))
    account = f"{user}@{url}#{secrets.token_hex(8)}"
    try:
        _store(account, token)
    except KeyringError as error:
        if wanted == "keyring":
            raise
        return Kept(TokenPlace(None), error.message)
    return Kept(TokenPlace(account))


def fetch(account: str) -> str:
    """Return a token from the keyring; raise KeyringError when it does not give it."""
    token = _call(lambda keyring: keyring.get_password(_SERVICE, account))
    if not isinstance(token, str) or not well_formed(token):
        raise KeyringError(
            "the keyring does not hold the login token any more", hint="pgward login"
        )
    return token


def well_formed(token: str) -> bool:
    """Tell whether it can be a token: others break the request, and its error would quote them."""
    return bool(token) and all("!" <= letter <= "~" for letter in token)


def forget(place: TokenPlace) -> str | None:
    """Remove a token from the keyring; return why that failed, if it did."""
    if place.account is None:
        return None
    account = place.account
    try:
        _call(lambda keyring: keyring.delete_password(_SERVICE, account))
    except KeyringError as error:
        return error.message
    return None


def _store(account: str, token: str) -> None:
    def store(keyring: Any) -> bool:
        keyring.set_password(_SERVICE, account, token)
        return bool(keyring.get_password(_SERVICE, account) == token)

    if _call(store) is not True:  # the "null" backend takes everything and keeps nothing
        raise KeyringError("the keyring does not keep what it is given", hint=_hint())


def _call(action: Callable[[Any], Any]) -> Any:
    return os_keyring.call(action, hint=_hint())


def _hint() -> str:
    return f"unlock the keyring, or set {VARIABLE}=file and log in again"
