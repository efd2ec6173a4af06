"""Where the passphrase of the keys comes from: never the command line or the environment.

``PATH`` is a file, ``fd:N`` an inherited file descriptor, ``credential:NAME`` a systemd
credential (``LoadCredential=NAME:…``, systemd.exec(5)), ``keyring:NAME`` an entry of the
operating system's keyring (service ``pgward``, user name NAME), and ``-`` standard input.
A token's PIN comes from the same sources, and may be shorter.
"""

import os
import sys
from pathlib import Path

from pgward.ca.keys.settings import KeySettings
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import os_keyring, secret_file

CREDENTIAL = "pgward-passphrase"  # looked for when nothing was named
PIN_CREDENTIAL = "pgward-pin"
KEYRING_SERVICE = "pgward"
_MAX_BYTES = 1024
_MIN_BYTES = 8
_MIN_PIN_BYTES = 4


def obtain(source: str | None, settings: KeySettings, directory: Path) -> bytes:
    """Return the passphrase from ``source``, else from where settings or systemd have it."""
    if source is not None:
        return read(source)
    return find(settings.passphrase_file, directory)


def obtain_pin(source: str | None, settings: KeySettings, directory: Path) -> bytes:
    """Return the token's PIN from ``source``, else from where settings or systemd have it."""
    if source is not None:
        return read(source, least=_MIN_PIN_BYTES)
    if settings.pin_file:
        return read(settings.pin_file, directory=directory, least=_MIN_PIN_BYTES)
    if "CREDENTIALS_DIRECTORY" in os.environ:
        return read(f"credential:{PIN_CREDENTIAL}", least=_MIN_PIN_BYTES)
    raise NotFoundError(
        "there is no PIN for the token that has the CA's keys",
        hint="give --pin-file, or set pin_file in [keys] of pgward.toml",
    )


def read(source: str, *, directory: Path | None = None, least: int = _MIN_BYTES) -> bytes:
    """Return the passphrase without its line end; relative paths start at ``directory``.

    Raises NotFoundError, InvalidInputError and KeyringError.
    """
    if source == "-":
        data = sys.stdin.buffer.read(_MAX_BYTES + 1)
    elif source.startswith("fd:"):
        data = _from_descriptor(source.removeprefix("fd:"))
    elif source.startswith("credential:"):
        data = _from_file(_credential(source.removeprefix("credential:")))
    elif source.startswith("keyring:"):
        data = _from_keyring(source.removeprefix("keyring:"))
    else:
        data = _from_file((directory or Path()) / source)
    return check(data, source, least)


def find(settings_source: str, directory: Path) -> bytes:
    """Return the passphrase for ``directory``: from its settings, else systemd's credential."""
    if settings_source:
        return read(settings_source, directory=directory)
    if "CREDENTIALS_DIRECTORY" in os.environ:
        return read(f"credential:{CREDENTIAL}")
    raise NotFoundError(
        "there is no passphrase for the CA's keys",
        hint="give --passphrase-file, or set passphrase_file in [keys] of pgward.toml",
    )


def _from_descriptor(text: str) -> bytes:
    if not text.isascii() or not text.isdigit():
        raise InvalidInputError(f"fd:{text} is not a file descriptor", hint="for example fd:3")
    try:
        with os.fdopen(int(text), "rb") as file:
            return file.read(_MAX_BYTES + 1)
    except (OSError, OverflowError, TypeError) as error:  # TypeError: a number past 64 bits
        raise InvalidInputError(f"file descriptor {text} cannot be read") from error


def _from_file(path: Path) -> bytes:
    with secret_file.opened(path, "passphrase") as file:
        return file.read(_MAX_BYTES + 1)


def _from_keyring(name: str) -> bytes:
    if not name:
        raise InvalidInputError("keyring: names no entry", hint="for example keyring:pgward-ca")
    hint = f"unlock the keyring, or store it: keyring set {KEYRING_SERVICE} {name}"
    found = os_keyring.call(lambda keyring: keyring.get_password(KEYRING_SERVICE, name), hint=hint)
    if not isinstance(found, str):
        raise NotFoundError(
            f"the keyring has no entry {name} of the service {KEYRING_SERVICE}",
            hint=f"keyring set {KEYRING_SERVICE} {name}",
        )
    return found.encode("utf-8", "surrogatepass")


def _credential(name: str) -> Path:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise NotFoundError(
            f"there is no systemd credential {name}: CREDENTIALS_DIRECTORY is not set",
            hint=f"LoadCredential={name}:/path in the unit",
        )
    if "/" in name or name in ("", ".", ".."):
        raise InvalidInputError(f"{name!r} cannot be a credential's name")
    return Path(directory) / name


def check(data: bytes, source: str, least: int = _MIN_BYTES) -> bytes:
    """Return the passphrase without its line end; raise InvalidInputError for a bad length."""
    what = "PIN" if least == _MIN_PIN_BYTES else "passphrase"
    if len(data) > _MAX_BYTES:
        raise InvalidInputError(f"the {what} is longer than {_MAX_BYTES} bytes", where=source)
    secret = data.rstrip(b"\r\n")
    if len(secret) < least:
        raise InvalidInputError(f"the {what} is shorter than {least} bytes", where=source)
    return secret
