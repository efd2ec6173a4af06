"""The keys of a new CA directory: where each goes, and how all are taken back on failure."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pgward.ca.keys import key_file, reference
from pgward.ca.keys.keeper import KeyKeeper, NewKey
from pgward.ca.keys.reference import FileReference
from pgward.ca.keys.settings import KeySettings
from pgward.ca.records import CaName
from pgward.core.errors import PgwardError
from pgward.pki import key_types, pkcs8
from pgward.pki.key_types import KeyType, SigningKey
from pgward.system import files

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name
ROOTS = (CaName.USER_ROOT, CaName.SERVER_ROOT)
_ROUNDS_FOR_RANDOM = 2048  # 256 random bits need no stretching


@dataclass(frozen=True, slots=True)
class Offline:
    """Where the roots' keys go instead of the CA's directory, and what encrypts them there."""

    directory: Path
    passphrase: bytes


@dataclass(frozen=True, slots=True)
class Secrets:
    """What opens the places of keys; None means: generate it, or it is not needed."""

    passphrase: bytes | None = None
    pin: bytes | None = None


def needs_passphrase(settings: KeySettings) -> bool:
    """Tell whether new keys go into files."""
    return isinstance(reference.parse_place(settings.place), FileReference)


class NewKeys:
    """Makes keys below ``building``, and those of roots in ``offline`` when that is given."""

    def __init__(
        self,
        building: Path,
        settings: KeySettings,
        given: Secrets,
        offline: tuple[Path, bytes] | None,
    ) -> None:
        self._offline = offline
        self._made: list[tuple[str, NewKey]] = []
        passphrase, rounds = given.passphrase, pkcs8.ROUNDS
        if passphrase is None and needs_passphrase(settings):
            passphrase, rounds = secrets.token_urlsafe(32).encode(), _ROUNDS_FOR_RANDOM
            settings = replace(settings, passphrase_file=PASSPHRASE_FILE)
            files.atomic_write(building / PASSPHRASE_FILE, passphrase + b"\n")
        self._settings = settings
        opened, pin = passphrase or b"", given.pin or b""
        self._keeper = KeyKeeper(
            building, settings, passphrase=lambda: opened, pin=lambda: pin, rounds=rounds
        )

    @contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Remove what tokens got when what follows fails; files go with their directory."""
        try:
            yield
        except BaseException:  # Ctrl-C as well: nobody would look for them in the token
            for _, made in self._made:
                with suppress(PgwardError, OSError):
                    self._keeper.discard(made)
            raise
        finally:
            self._keeper.close()

    def make(self, ca: str) -> SigningKey:
        """Make the key of a CA; raises as ``KeyKeeper.create``."""
        if self._offline is not None and ca in ROOTS:
            directory, passphrase = self._offline
            key = key_types.generate(self._settings.key_type(ca))
            key_file.write(directory / f"{ca}.key", key, passphrase, rounds=pkcs8.ROUNDS)
            return key
        return self.create(ca).key

    def create(self, ca: str, key_type: KeyType | None = None) -> NewKey:
        """Make a key that stays online, such as the log's; raises as ``KeyKeeper.create``."""
        made = self._keeper.create(ca, key_type)
        self._made.append((ca, made))
        return made

    def settings(self) -> KeySettings:
        """Return the settings that find these keys again."""
        unusual = tuple(
            f"{ca}={made.reference}"
            for ca, made in self._made
            if made.reference != self._keeper.reference(ca)
        )
        return replace(self._settings, references=unusual)

    def where(self, ca: str) -> str:
        """Say where a key is, for the transcript."""
        for name, made in self._made:
            if name == ca:
                return made.reference
        return f"offline/{ca}.key"
