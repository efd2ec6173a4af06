"""Keys in PKCS#11 tokens: found, made, and signed with, over one session with one login.

A wrong PIN is given once and never again: tokens lock themselves after a few. When the token
was away, the library is restarted and the same PIN, which was right before, given again.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pkcs11
from pkcs11 import ObjectClass, TokenFlag
from pkcs11 import exceptions as p11

from pgward.ca.keys import foreign, token_keys
from pgward.ca.keys.errors import PinError, SigningError
from pgward.ca.keys.module import Module, reason
from pgward.ca.keys.pkcs11_uri import Pkcs11Uri
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError, PgwardError
from pgward.pki.key_types import KeyType, SigningKey

_PAUSE_SECONDS = 1.0  # between two restarts of a library whose token is away
_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_WRONG_PIN = (p11.PinIncorrect, p11.PinInvalid, p11.PinLenRange)


@dataclass
class _Session:
    """One session, and the private keys that it has found."""

    session: "pkcs11.Session"
    generation: int
    keys: dict[Pkcs11Uri, "pkcs11.PrivateKey"] = field(default_factory=dict)

    def private(self, uri: Pkcs11Uri) -> "pkcs11.PrivateKey":
        """Return the private key; raise PKCS11Error, NoSuchKey too."""
        if uri not in self.keys:
            self.keys[uri] = token_keys.find(self.session, ObjectClass.PRIVATE_KEY, uri)
        return self.keys[uri]


class Tokens:
    """The tokens of one keeper; each has one login."""

    def __init__(self, module: str, pin: Callable[[], bytes]) -> None:
        self._module = module
        self._pin = pin
        self._known: dict[tuple[str, str, str], Token] = {}

    def of(self, uri: Pkcs11Uri) -> "Token":
        """Return the token of a URI; raise InvalidInputError."""
        path = uri.module or self._module
        wanted = (path, uri.token, uri.serial)
        if wanted not in self._known:
            self._known[wanted] = Token(Module.of(path), uri, self._pin)
        return self._known[wanted]


class Token:
    """One token; safe to call from any thread, one after the other."""

    def __init__(self, module: Module, uri: Pkcs11Uri, pin: Callable[[], bytes]) -> None:
        self._module = module
        self._label, self._serial = uri.token, uri.serial
        self._name = f"the token {uri.where}"
        self._pin = pin
        self._refused: PinError | None = None
        self._session: _Session | None = None
        self._restarted_at = float("-inf")

    def load(self, uri: Pkcs11Uri) -> SigningKey:
        """Return the key; raise NotFoundError, InvalidInputError, PinError, SigningError."""

        def find(session: _Session) -> SigningKey:
            private = session.private(uri)
            public = token_keys.public_key(session.session, private, uri)
            return self._adopt(uri, token_keys.read(public))

        return self._with_session(uri, find)

    def create(self, uri: Pkcs11Uri, key_type: KeyType) -> SigningKey:
        """Make a key that never leaves the token; raise ConflictError, and as ``load``."""

        def make(session: _Session) -> SigningKey:
            if token_keys.exists(session.session, uri):
                raise ConflictError(
                    f"{self._name} has a key called {uri.object} already",
                    hint="take another token, or remove the key with the token's own tool"
                    " if nothing uses it",
                )
            token = session.session.token
            with token.open(rw=True) as writing:
                public = token_keys.generate(writing, uri.object, key_type)
                return self._adopt(uri, token_keys.read(public))

        return self._with_session(uri, make, again=False)

    def destroy(self, uri: Pkcs11Uri) -> None:
        """Remove a key for ever; raises as ``load``."""

        def remove(session: _Session) -> None:
            session.keys.pop(uri, None)
            with session.session.token.open(rw=True) as writing:
                token_keys.destroy(writing, uri)

        self._with_session(uri, remove, again=False)

    def _adopt(self, uri: Pkcs11Uri, public: token_keys.Public) -> SigningKey:
        def sign(data: bytes) -> bytes:
            try:
                return self._with_session(
                    uri, lambda session: public.algorithm.sign(session.private(uri), data)
                )
            except NotFoundError as error:  # it was there before
                raise SigningError(error.message, hint=error.hint) from error

        return foreign.adopt(public.key, sign, f"{uri.object or uri.id.hex()} in {self._name}")

    def _with_session(
        self, uri: Pkcs11Uri, action: Callable[[_Session], _T], *, again: bool = True
    ) -> _T:
        """Do it, and once more with the library restarted when the token seems to be away."""
        generation = 0
        try:
            with self._module.in_use() as generation:
                return action(self._current(generation))
        except p11.PKCS11Error as error:
            # A token that was taken out may also seem to be there, and empty.
            if not again or not self._restart(generation):
                raise self._problem(uri, error) from error
            _log.warning("%s did not answer (%s)", self._name, reason(error))
        return self._with_session(uri, action, again=False)

    def _restart(self, generation: int) -> bool:
        """Restart the library, unless that was done a moment ago; tell whether it was."""
        now = time.monotonic()
        if now - self._restarted_at < _PAUSE_SECONDS:
            return False
        self._restarted_at = now
        self._module.restart(generation)
        return True

    def _current(self, generation: int) -> _Session:
        if self._session is None or self._session.generation != generation:
            self._session = _Session(self._log_in(), generation)
        return self._session

    def _log_in(self) -> "pkcs11.Session":
        if self._refused is not None:
            raise self._refused
        token = self._find()
        self._check_tries(token)
        try:
            return token.open(user_pin=self._pin_text())
        except p11.UserAlreadyLoggedIn:  # by another keeper of this process
            return token.open()
        except p11.PinLocked as error:
            raise self._refuse("has locked its PIN after too many wrong ones", _UNLOCK) from error
        except _WRONG_PIN as error:
            raise self._refuse("refuses the PIN", _WRONG) from error

    def _find(self) -> "pkcs11.Token":
        tokens = self._module.tokens()
        found = [
            token
            for token in tokens
            if self._label in ("", token.label)
            and self._serial in ("", token.serial.decode("latin-1"))
        ]
        if len(found) > 1:
            raise InvalidInputError(
                f"there are several tokens {self._label}", hint="add ;serial=… to the URI"
            )
        if not found:
            there = ", ".join(token.label for token in tokens if token.label) or "none"
            raise p11.NoSuchToken(there)
        return found[0]

    def _check_tries(self, token: "pkcs11.Token") -> None:
        if TokenFlag.USER_PIN_LOCKED in token.flags:
            raise self._refuse("has locked its PIN after too many wrong ones", _UNLOCK)
        if TokenFlag.USER_PIN_FINAL_TRY in token.flags:
            raise self._refuse("would lock itself at one more wrong PIN: none was given", _PROVE)

    def _refuse(self, what: str, hint: str) -> PinError:
        self._refused = PinError(f"{self._name} {what}", hint=hint)
        return self._refused

    def _pin_text(self) -> str:
        try:
            return self._pin().decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._refuse("takes text as its PIN, and this is not UTF-8", _WRONG) from error

    def _problem(self, uri: Pkcs11Uri, error: Exception) -> PgwardError:
        name = uri.object or uri.id.hex()
        if isinstance(error, p11.MultipleObjectsReturned):
            return InvalidInputError(
                f"{self._name} has several keys {name}", hint="add ;id=%… to the URI"
            )
        if isinstance(error, p11.NoSuchKey):
            return NotFoundError(
                f"{self._name} has no private key {name}",
                hint=f"pkcs11-tool --module {self._module.path} --login --list-objects tells",
            )
        if isinstance(error, p11.NoSuchToken):
            return SigningError(
                f"{self._name} is not there",
                hint=f"plug it in, or see that {self._module.path} finds it; there now: {error}",
            )
        return SigningError(
            f"{self._name} cannot be used now ({reason(error)})",
            hint="it is tried again at the next request; see that the token is there",
        )


_WRONG = "nobody tries it again: give the right one with --pin-file, or pin_file in [keys]"
_UNLOCK = "its security officer sets a new one, for example with pkcs11-tool --login-type so"
_PROVE = "log in once with the token's own tool: a right PIN sets its counter back"
