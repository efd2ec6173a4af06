"""What a connector logs in to PostgreSQL with: the password or the certificate of its account."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from pgward.client.certificates import NewCertificate
from pgward.client.secrets.cupboard import Cupboard
from pgward.client.secrets.places import EnvironmentSecrets, FileSecrets
from pgward.client.secrets.provider import (
    SecretAwayError,
    SecretError,
    SecretProvider,
    value,
)
from pgward.client.secrets.reference import SecretRef, SecretSource
from pgward.client.secrets.vault import VaultSecrets, VaultSettings
from pgward.connector.assignment import Certificate, Password, ServerSettings
from pgward.connector.conninfo import Credentials
from pgward.connector.tls_files import TlsFiles
from pgward.core.errors import PgwardError, UnavailableError

WHO: Final = "connector"


class Ca(Protocol):
    """Gives what the CA has for an integration's account."""

    def secret(self, integration: str, refused: int | None = None) -> tuple[int, bytes]:
        """Return its password and which version it is; ``refused`` is one that was of no use."""
        ...

    def certificate(self, integration: str, seconds: int) -> tuple[NewCertificate, float]:
        """Return a certificate in its name, and for how many seconds it is good."""
        ...

    def verifiers(self, integration: str, passwords: Mapping[str, int]) -> dict[str, str]:
        """Return verifiers of passwords of access roles, which have these versions."""
        ...


class CaSecrets:
    """The secret of one integration, from the CA: it looks whether this connector may have it."""

    def __init__(self, ca: Ca, integration: str) -> None:
        self._ca = ca
        self._integration = integration
        self._version: int | None = None

    def get(self, reference: SecretRef, *, refused: bool = False) -> bytes:
        """Return it, after a refusal also one on its way; raise SecretError, SecretAwayError."""
        try:
            version, found = self._ca.secret(self._integration, self._version if refused else None)
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
        self._version = version
        return value(found, f"the secret {reference.name}")


class Places:
    """Where secrets are that are not at the CA; shared by all integrations, close it after use."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, *, private: Collection[Path] = ()
    ) -> None:
        """Raise InvalidInputError for a Vault that is named wrongly."""
        settings = VaultSettings.read(environment)
        own = [] if settings is None else [settings.token_file]
        self._vault = None if settings is None else VaultSecrets(settings)
        self.providers: dict[SecretSource, SecretProvider] = {
            "file": FileSecrets([*private, *own]),
            "env": EnvironmentSecrets(environment, who=WHO),
        }
        if self._vault is not None:
            self.providers["vault"] = self._vault

    def close(self) -> None:
        """Close the connection to Vault, if there is one."""
        if self._vault is not None:
            self._vault.close()


class Logins:
    """Credentials for one integration; threads may share it, close it after use."""

    def __init__(
        self,
        name: str,
        ca: Ca,
        places: Places,
        files: TlsFiles,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._ca = ca
        self._files = files
        self._monotonic = monotonic
        self._cupboard = Cupboard({**places.providers, "secret": CaSecrets(ca, name)}, who=WHO)
        self._made: tuple[NewCertificate, float] | None = None

    def close(self) -> None:
        """Fetch nothing any more."""
        self._cupboard.close()

    @contextmanager
    def credentials(
        self, settings: ServerSettings, *, fresh: bool = False
    ) -> Iterator[Credentials]:
        """Give what to log in with now; ``fresh`` where PostgreSQL refused what it was.

        Raises SecretError, SecretAwayError, StorageError, NotFoundError; and what the CA says.
        """
        roots = self._files.roots(settings)
        auth = settings.auth
        if isinstance(auth, Password):
            password = self._password(auth.secret, fresh=fresh)
            yield Credentials(password=password, roots=roots)
        elif isinstance(auth, Certificate):
            with self._files.certificate(self._certificate(auth, fresh=fresh)) as (cert, key):
                yield Credentials(certificate=cert, key=key, roots=roots)
        else:
            yield Credentials(roots=roots)

    def verifiers(self, passwords: Mapping[str, int]) -> dict[str, str]:
        """Return what the server is to keep of access roles' passwords; raises as the CA does."""
        return self._ca.verifiers(self._name, passwords)

    def _password(self, reference: SecretRef, *, fresh: bool) -> str:
        found = self._cupboard.get(reference, fresh=fresh)
        try:
            text = found.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\n" in text or "\0" in text:
            raise SecretError(f"the secret {reference.name} is no password")
        return text

    def _certificate(self, auth: Certificate, *, fresh: bool) -> NewCertificate:
        """Return a certificate with at least half of its life ahead."""
        if fresh or self._made is None or self._monotonic() >= self._made[1]:
            asked = self._monotonic()
            made, seconds = self._ca.certificate(self._name, auth.seconds)
            self._made = made, asked + seconds / 2
        return self._made[0]
