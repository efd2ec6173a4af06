"""The operating system's keyring, which may raise anything, or hang on a prompt nobody sees."""

import importlib
import threading
from collections.abc import Callable
from typing import Any

from pgward.core.errors import UnavailableError

SECONDS = 20.0


class KeyringError(UnavailableError):
    """The keyring does not work, or not in time."""


def call(action: Callable[[Any], Any], *, hint: str) -> Any:
    """Run a keyring operation with a time limit; the thread of one that hangs is left behind.

    ``action`` gets the module ``keyring``. Raises KeyringError with the hint.
    """
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, action(importlib.import_module("keyring"))))
        except BaseException as error:  # noqa: BLE001 - backends raise all kinds; told below
            outcome.append((False, error))

    worker = threading.Thread(target=run, name="keyring", daemon=True)
    worker.start()
    worker.join(SECONDS)
    if not outcome:
        raise KeyringError(f"the keyring did not answer in {SECONDS:g} seconds", hint=hint)
    worked, value = outcome[0]
    if not worked:
        # Only the kind: a backend's text might quote what it was given.
        raise KeyringError(
            f"the keyring does not work ({type(value).__name__})", hint=hint
        ) from value
    return value
