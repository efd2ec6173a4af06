"""The keeper makes the keys of CAs in their place, and finds them again by their references."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pgward.ca.keys import key_file, passphrase, reference
from pgward.ca.keys.pkcs11_uri import Pkcs11Uri
from pgward.ca.keys.reference import ExecReference, FileReference
from pgward.ca.keys.settings import KeySettings
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.core.errors import InvalidInputError
from pgward.pki import key_types, pkcs8
from pgward.pki.key_types import KeyType, SigningKey

if TYPE_CHECKING:
    from pgward.ca.keys.helper import Helper
    from pgward.ca.keys.token import Token, Tokens


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and how it is found again."""

    key: SigningKey = field(repr=False)
    reference: str

    @property
    def signer(self) -> Signer:
        """What signs with it."""
        return KeySigner(self.key)


class KeyKeeper:
    """Keeps the keys of one CA directory.

    ``passphrase`` and ``pin`` are asked when the first file or token needs them, and once.
    Fewer ``rounds`` stretch the passphrase less: enough for one that is long and random.
    """

    def __init__(
        self,
        directory: Path,
        settings: KeySettings,
        *,
        passphrase: Callable[[], bytes],
        pin: Callable[[], bytes],
        rounds: int | None = None,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._passphrase = _Once(passphrase)
        self._pin = _Once(pin)
        self._rounds = rounds
        self._tokens: Tokens | None = None
        self._helpers: dict[str, Helper] = {}

    @classmethod
    def open(
        cls,
        directory: Path,
        settings: KeySettings,
        *,
        passphrase_source: str | None = None,
        pin_source: str | None = None,
    ) -> Self:
        """Return a keeper whose secrets come from the sources, else from what settings name."""
        return cls(
            directory,
            settings,
            passphrase=lambda: passphrase.obtain(passphrase_source, settings, directory),
            pin=lambda: passphrase.obtain_pin(pin_source, settings, directory),
        )

    def reference(self, ca: str) -> str:
        """Return where the key of the CA ``ca`` is: as settings say, else in its file."""
        return self._settings.reference(ca) or f"{reference.FILE}keys/{ca}.key"

    def intended(self, ca: str) -> str:
        """Return where ``create`` would put the key of the CA ``ca``."""
        return str(reference.parse_place(self._settings.place).key(ca))

    def load(self, where: str) -> Signer:
        """Return what signs with the key at a reference.

        Raises NotFoundError, BadKeyError, PinError, SigningError, InvalidInputError.
        """
        return KeySigner(self.load_key(where))

    def load_key(self, where: str) -> SigningKey:
        """Return the key at a reference; raises as ``load``."""
        found = reference.parse(where)
        if isinstance(found, FileReference):
            return key_file.load(self._directory / found.path, self._passphrase())
        if isinstance(found, Pkcs11Uri):
            return self._token_of(found).load(found)
        return self._helper_of(found).load(found.name)

    def create(self, ca: str, key_type: KeyType | None = None) -> NewKey:
        """Make the key of the CA ``ca``, where and of the type that settings say.

        It is durable when this returns. A file of that name, which an attempt before may have left,
        is set aside; a token or a helper that has such a key refuses. Raises ConflictError,
        StorageError, and as ``load``.
        """
        wanted = key_type or self._settings.key_type(ca)
        found = reference.parse_place(self._settings.place).key(ca)
        if isinstance(found, FileReference):
            key = self._create_file(self._directory / found.path, wanted)
        elif isinstance(found, Pkcs11Uri):
            key = self._token_of(found).create(found, wanted)
        else:
            key = self._helper_of(found).create(found.name, wanted)
        return NewKey(key, str(found))

    def discard(self, new: NewKey) -> None:
        """Remove a key that ``create`` has just made, when what it was made for failed.

        A helper program keeps what it made: it may belong to a service that deletes nothing.
        """
        found = reference.parse(new.reference)
        if isinstance(found, FileReference):
            (self._directory / found.path).unlink(missing_ok=True)
        elif isinstance(found, Pkcs11Uri):
            self._token_of(found).destroy(found)

    def close(self) -> None:
        """End the helper programs; keys of theirs start them again."""
        for helper in self._helpers.values():
            helper.close()

    def _create_file(self, path: Path, wanted: KeyType) -> SigningKey:
        if path.exists():  # of an attempt that ended; a key is never overwritten
            path.rename(path.with_name(f"{path.name}.{secrets.token_hex(4)}.old"))
        key = key_types.generate(wanted)
        rounds = pkcs8.ROUNDS if self._rounds is None else self._rounds
        key_file.write(path, key, self._passphrase(), rounds=rounds)
        return key

    def _token_of(self, uri: Pkcs11Uri) -> "Token":
        if self._tokens is None:
            try:
                from pgward.ca.keys.token import Tokens  # noqa: PLC0415 - PKCS#11 is an extra
            except ModuleNotFoundError as error:
                raise InvalidInputError(
                    f"the Python module {error.name} is missing, with which tokens are used",
                    hint="pip install 'pgward[pkcs11]'",
                ) from error
            self._tokens = Tokens(self._settings.pkcs11_module, self._pin)
        return self._tokens.of(uri)

    def _helper_of(self, found: ExecReference) -> "Helper":
        if found.program not in self._helpers:
            from pgward.ca.keys.helper import Helper  # noqa: PLC0415 - few CAs have one

            self._helpers[found.program] = Helper(found.program, self._settings.helper_seconds)
        return self._helpers[found.program]


class _Once:
    """Asks for a secret when it is first needed: a descriptor can be read once only."""

    def __init__(self, ask: Callable[[], bytes]) -> None:
        self._ask = ask
        self._answer: bytes | None = None

    def __call__(self) -> bytes:
        if self._answer is None:
            self._answer = self._ask()
        return self._answer
