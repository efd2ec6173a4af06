"""References: one line of text that names a key and where it is.

``file:PATH`` is an encrypted PKCS#8 file, from the CA's directory on; ``pkcs11:…`` an object of
a token (RFC 7512); ``exec:PROGRAM#KEY`` a key that the helper PROGRAM knows as KEY. A place is
the same without the key: ``file:DIRECTORY``, ``pkcs11:token=…``, ``exec:PROGRAM``.
"""

import re
from dataclasses import dataclass

from pgward.ca.keys.pkcs11_uri import Pkcs11Uri
from pgward.core.errors import InvalidInputError

FILE, PKCS11, EXEC = "file:", "pkcs11:", "exec:"
_MAX_LETTERS = 1024
_KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,255}")  # KMS names and ARNs as well


@dataclass(frozen=True, slots=True)
class FileReference:
    """An encrypted file; a relative path starts at the CA's directory."""

    path: str

    def __str__(self) -> str:
        return f"{FILE}{self.path}"

    def key(self, name: str) -> "FileReference":
        """Return where the key called ``name`` is in this place."""
        return FileReference(f"{self.path}/{name}.key")


@dataclass(frozen=True, slots=True)
class ExecReference:
    """A key of a helper program; ``name`` is empty in a place."""

    program: str
    name: str = ""

    def __str__(self) -> str:
        return f"{EXEC}{self.program}#{self.name}" if self.name else f"{EXEC}{self.program}"

    def key(self, name: str) -> "ExecReference":
        """Return where the key called ``name`` is in this place."""
        return ExecReference(self.program, name)


Reference = FileReference | ExecReference | Pkcs11Uri


def parse(text: str) -> Reference:
    """Read the reference of a key; raise InvalidInputError."""
    found = _read(text)
    if isinstance(found, ExecReference) and not found.name:
        raise InvalidInputError(f"{text} names no key", hint="exec:PROGRAM#KEY")
    if isinstance(found, Pkcs11Uri):
        found.check_key()
    return found


def parse_place(text: str) -> Reference:
    """Read where new keys go; raise InvalidInputError."""
    found = _read(text)
    if isinstance(found, ExecReference) and found.name:
        raise InvalidInputError(f"{text} names one key", hint="leave out # and what follows it")
    if isinstance(found, Pkcs11Uri):
        found.check_place()
    return found


def _read(text: str) -> Reference:
    if len(text) > _MAX_LETTERS or not text.isprintable():
        raise InvalidInputError("a key's reference is one printable line of at most 1024 letters")
    if text.startswith(PKCS11):
        return Pkcs11Uri.parse(text)
    if text.startswith(FILE) and len(text) > len(FILE):
        return FileReference(text.removeprefix(FILE).rstrip("/") or "/")
    if text.startswith(EXEC):
        return _read_exec(text)
    raise InvalidInputError(
        f"{text!r} does not say where a key is", hint="file:PATH, pkcs11:token=… or exec:PROGRAM"
    )


def _read_exec(text: str) -> ExecReference:
    program, mark, name = text.removeprefix(EXEC).partition("#")
    if not program.startswith("/"):
        raise InvalidInputError(f"{text}: the program's path must start with /")
    if mark and not _KEY_NAME.fullmatch(name):
        raise InvalidInputError(f"{text}: {name!r} cannot name a key")
    return ExecReference(program, name)
