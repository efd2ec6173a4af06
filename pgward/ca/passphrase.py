"""Where the passphrase of the keys comes from: never the command line or the environment.

``PATH`` is a file, ``fd:N`` an inherited file descriptor, ``credential:NAME`` a systemd
credential (``LoadCredential=NAME:…``, systemd.exec(5)), and ``-`` standard input.
"""

import os
import stat
import sys
from pathlib import Path

from pgward.core.errors import InvalidInputError, NotFoundError

CREDENTIAL = "pgward-passphrase"  # looked for when nothing was named
_MAX_BYTES = 1024
_MIN_BYTES = 8


def read(source: str, *, directory: Path | None = None) -> bytes:
    """Return the passphrase without its line end; relative paths start at ``directory``.

    Raises NotFoundError and InvalidInputError.
    """
    if source == "-":
        data = sys.stdin.buffer.read(_MAX_BYTES + 1)
    elif source.startswith("fd:"):
        data = _from_descriptor(source.removeprefix("fd:"))
    elif source.startswith("credential:"):
        data = _from_file(_credential(source.removeprefix("credential:")))
    else:
        data = _from_file((directory or Path()) / source)
    return _check(data, source)


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
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & 0o007:
                raise InvalidInputError(
                    f"everyone on this machine may read or change {path}", hint=f"chmod 600 {path}"
                )
            return file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no passphrase file {path}") from error
    except OSError as error:
        raise InvalidInputError("the passphrase cannot be read", where=str(path)) from error


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


def _check(data: bytes, source: str) -> bytes:
    if len(data) > _MAX_BYTES:
        raise InvalidInputError(f"the passphrase is longer than {_MAX_BYTES} bytes", where=source)
    secret = data.rstrip(b"\r\n")
    if len(secret) < _MIN_BYTES:
        raise InvalidInputError(f"the passphrase is shorter than {_MIN_BYTES} bytes", where=source)
    return secret
