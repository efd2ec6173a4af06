"""Secrets of the CA, of files and of the environment."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from pgward.client import edge_calls
from pgward.client.edge_calls import Caller
from pgward.client.secrets import provider
from pgward.client.secrets.provider import MAX_BYTES, SecretAwayError, SecretError
from pgward.client.secrets.reference import SecretRef
from pgward.core.errors import PgwardError, UnavailableError
from pgward.system import secret_file

ENV_PREFIX = "PGWARD_UPSTREAM_"
_KERNEL = (Path("/proc"), Path("/sys"), Path("/dev"))


class CaSecrets:
    """Secrets that the CA keeps (``fromSecret``); it looks whether this edge may have them."""

    def __init__(self, ca: Caller) -> None:
        self._ca = ca
        self._versions: dict[str, int] = {}

    def get(self, reference: SecretRef, *, refused: bool = False) -> bytes:
        """Return the secret of this name; after a refusal also one that is on its way."""
        version = self._versions.get(reference.name) if refused else None
        try:
            found = edge_calls.secret(self._ca, reference.name, refused=version)
        except UnavailableError as error:
            raise SecretAwayError(
                f"the CA does not tell the secret {reference.name} now: {error.message}",
                hint=error.hint,
            ) from error
        except PgwardError as error:
            raise SecretError(
                f"the CA does not tell the secret {reference.name}: {error.message}",
                hint=error.hint,
            ) from error
        self._versions[reference.name] = found.version
        return found.value


class FileSecrets:
    """Secrets in files of who asks (``fromFile``), which others must not be able to read.

    Who declares services may have a secret sent to any server: so none of ``private``, files and
    directories of its own, is one, and nothing of the kernel's.
    """

    def __init__(self, private: Collection[Path] = ()) -> None:
        self._private = [*private, *_KERNEL]

    def get(self, reference: SecretRef, *, refused: bool = False) -> bytes:  # noqa: ARG002
        """Return what the file holds."""
        path = Path(reference.name)
        self._check(path)
        try:
            with secret_file.opened(path, "secret") as file:
                data = file.read(MAX_BYTES + 3)
        except PgwardError as error:
            raise SecretError(error.message, hint=error.hint) from error
        return provider.value(data, str(path))

    def _check(self, path: Path) -> None:
        """Raise SecretError for what is our own, whichever way leads there."""
        real = Path(os.path.realpath(path))
        if any(real.is_relative_to(os.path.realpath(each)) for each in self._private):
            raise SecretError(
                f"{path} is no place for secrets of databases", hint="put it into a file elsewhere"
            )


class EnvironmentSecrets:
    """Secrets in the environment of who asks (``fromEnv``); only variables made for it."""

    def __init__(self, environment: Mapping[str, str], *, who: str = "edge") -> None:
        self._environment = environment
        self._who = who

    def get(self, reference: SecretRef, *, refused: bool = False) -> bytes:  # noqa: ARG002
        """Return what the variable holds."""
        if not reference.name.startswith(ENV_PREFIX):  # who declares services may not read others
            raise SecretError(f"{reference.name} does not begin with {ENV_PREFIX}")
        found = self._environment.get(reference.name)
        if found is None:
            raise SecretError(
                f"the {self._who} has no variable {reference.name}",
                hint=f"set it, and restart the {self._who}",
            )
        return provider.value(found.encode("utf-8", "surrogateescape"), reference.name)
