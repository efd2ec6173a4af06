"""What the archive asks of the place where its objects are: written once, read, removed."""

import re
from collections.abc import Iterator
from typing import Protocol

from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError

MOST_BYTES = 64 * 1024 * 1024
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}){0,7}")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]{0,800}")


class ObjectStore(Protocol):
    """Objects by key (``audit/e1/…``); what is written stays as it is until it is deleted.

    Every method may block, may be called from any thread, and raises UnavailableError when the
    place cannot be reached or does not take it.
    """

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store an object, durably; False when that key is there already, whatever it holds."""
        ...

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return an object's bytes from ``start`` to before ``end``; raise NotFoundError."""
        ...

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix`` and come after ``after``, in their order."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...


def checked(key: str) -> str:
    """Return a key that every store can have; raise InvalidInputError."""
    if not _KEY.fullmatch(key):
        raise InvalidInputError(f"{key[:80]!r} cannot be an object's key")
    return key


def checked_prefix(prefix: str) -> str:
    """Return what keys may begin with; raise InvalidInputError."""
    if not _PREFIX.fullmatch(prefix) or prefix.startswith("/") or ".." in prefix:
        raise InvalidInputError(f"no object's key begins with {prefix[:80]!r}")
    return prefix


def missing(key: str) -> NotFoundError:
    """Return the error for an object that is not there."""
    return NotFoundError(f"the archive has no object {key}")


class NoObjects:
    """Stands where no place was given: it has nothing and takes nothing."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Refuse."""
        raise _nowhere(key, data)

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Refuse."""
        raise _nowhere(key, start, end)

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Refuse."""
        raise _nowhere(prefix, after)

    def delete(self, key: str) -> None:
        """Refuse."""
        raise _nowhere(key)


def _nowhere(*_: object) -> UnavailableError:
    return UnavailableError("this authority has no archive", hint="pgward ca serve --archive")
