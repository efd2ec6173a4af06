"""PKCS#11 libraries of this process, each used by one thread at a time.

python-pkcs11 initializes a library for one thread (C_Initialize without arguments, PKCS#11 v2.40,
section 5.4). One that lost its token must be finalized and initialized again, which ends the
sessions of everyone in the process: ``generation`` counts that.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Protocol

import pkcs11
from pkcs11.exceptions import PKCS11Error

from pgward.ca.keys.errors import SigningError
from pgward.core.errors import InvalidInputError

_WAIT_SECONDS = 10.0  # for another thread's call, which may hang in the library


class Library(Protocol):
    """What this needs of ``pkcs11.lib``."""

    def initialize(self) -> None:
        """Begin."""
        ...

    def finalize(self) -> None:
        """End every session."""
        ...

    def get_slots(self, token_present: bool = False) -> "list[pkcs11.Slot]":
        """Return what may have a token."""
        ...


class Module:
    """One library; get it by ``of``, as the process has one of each."""

    _known: ClassVar[dict[str, "Module"]] = {}
    _opening: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: str, library: Library) -> None:
        self.path = path
        self.generation = 0
        self._library = library
        self._lock = threading.Lock()

    @classmethod
    def of(cls, path: str) -> "Module":
        """Return the library at an absolute path; raise InvalidInputError."""
        if not path:
            raise InvalidInputError(
                "nothing says which PKCS#11 library the token has",
                hint="set pkcs11_module in [keys], or add ?module-path=/… to the URI",
            )
        if not path.startswith("/") or not Path(path).is_file():
            raise InvalidInputError(
                f"there is no PKCS#11 library {path}",
                hint="give the whole path of the .so file that came with the token",
            )
        with cls._opening:
            if path not in cls._known:
                cls._known[path] = cls(path, _open(path))
            return cls._known[path]

    @contextmanager
    def in_use(self) -> Iterator[int]:
        """Keep other threads out; yield the generation; raise SigningError when one hangs."""
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            raise SigningError(f"the PKCS#11 library {self.path} does not return")
        try:
            yield self.generation
        finally:
            self._lock.release()

    def restart(self, generation: int) -> None:
        """Restart the library unless somebody did since ``generation``; raise SigningError."""
        with self.in_use() as now:
            if now != generation:
                return
            self.generation += 1
            try:
                with suppress(PKCS11Error):  # it may have ended with the token
                    self._library.finalize()
                self._library.initialize()
            except PKCS11Error as error:
                raise SigningError(
                    f"the PKCS#11 library {self.path} does not start again ({reason(error)})"
                ) from error

    def tokens(self) -> list["pkcs11.Token"]:
        """Return the tokens that are there now; raise PKCS11Error."""
        return [slot.get_token() for slot in self._library.get_slots(token_present=True)]


def reason(error: Exception) -> str:
    """Name what a library complains of: its errors have a kind and no text."""
    return str(error) or type(error).__name__


def _open(path: str) -> Library:
    try:
        return pkcs11.lib(path)
    except (PKCS11Error, RuntimeError, OSError) as error:
        raise InvalidInputError(
            f"the PKCS#11 library {path} cannot be used ({reason(error)})",
            hint="it must be the .so file that came with the token, for this machine",
        ) from error
