"""What a connection to PostgreSQL needs: a password, a certificate, the key for a jump host."""

import asyncio
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pgward.client.edge_calls import Caller
from pgward.client.secrets.cupboard import Asking, Cupboard
from pgward.client.secrets.places import CaSecrets, EnvironmentSecrets, FileSecrets
from pgward.client.secrets.provider import SecretError, SecretProvider
from pgward.client.secrets.reference import SecretRef, SecretSource
from pgward.client.secrets.vault import VaultSecrets, VaultSettings
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.secrets.access_passwords import AccessPasswords, Whose
from pgward.tunnel.edge.secrets.mint import Mint, Wanted
from pgward.tunnel.edge.state_postgres import (
    AccessPasswordAuth,
    Auth,
    CertificateAuth,
    Config,
    PasswordAuth,
)
from pgward.tunnel.edge.upstreams.values import Credentials


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session it is, as which role, and by what the person came (see `mint.Wanted`)."""

    service: str
    user: str
    role: str
    session: str | None = None
    serial: str | None = None


class Keyring:
    """Gets credentials for sessions of one event loop; close it after use.

    What is remembered costs no thread and no request.
    """

    def __init__(
        self,
        cupboard: Cupboard,
        mint: Mint,
        passwords: AccessPasswords,
        vault: VaultSecrets | None = None,
    ) -> None:
        self.secrets = cupboard
        self._mint = mint
        self._passwords = passwords
        self._vault = vault

    @classmethod
    def open(
        cls,
        ca: Caller,
        environment: Mapping[str, str] = os.environ,
        *,
        private: Collection[Path] = (),
    ) -> Self:
        """Join all providers; raise InvalidInputError for a Vault that is named wrongly.

        ``private`` are files and directories of the edge's own, which no service may have.
        """
        settings = VaultSettings.read(environment)
        own = [] if settings is None else [settings.token_file]
        providers: dict[SecretSource, SecretProvider] = {
            "secret": CaSecrets(ca),
            "file": FileSecrets([*private, *own]),
            "env": EnvironmentSecrets(environment),
        }
        vault = None if settings is None else VaultSecrets(settings)
        if vault is not None:
            providers["vault"] = vault
        return cls(Cupboard(providers), Mint(ca), AccessPasswords(ca), vault)

    def close(self) -> None:
        """Close the connection to Vault, if there is one."""
        self.secrets.close()
        if self._vault is not None:
            self._vault.close()

    async def get(self, config: Config, session: Session) -> Credentials:
        """Return what the configuration asks for.

        Raises SecretError, SecretAwayError; and as `edge_calls` for certificates and access roles.
        """
        auth, found = config.auth, Credentials()
        if isinstance(auth, PasswordAuth):
            found = replace(found, password=_one_line(await self._secret(auth.secret), auth.secret))
        elif isinstance(auth, AccessPasswordAuth):
            found = replace(found, password=await self._passwords.get(_whose(session)))
        elif isinstance(auth, CertificateAuth):
            found = replace(found, certificate=await self._mint.get(_wanted(auth, session)))
        if config.jump is not None:
            found = replace(found, jump_key=await self._secret(config.jump.key))
        return found

    async def after_refusal(
        self, config: Config, session: Session, refused: Credentials
    ) -> Credentials | None:
        """Return other credentials after PostgreSQL refused these (28P01, 28000); None if none."""
        auth = config.auth
        if isinstance(auth, CertificateAuth):
            self._mint.forget(_wanted(auth, session))
        try:
            other = await self._other(auth, session, refused)
        except PgwardError:
            return None
        if other is None:
            return None
        return None if other == refused.password else replace(refused, password=other)

    async def _other(self, auth: Auth, session: Session, refused: Credentials) -> bytes | None:
        if isinstance(auth, AccessPasswordAuth):
            return await self._passwords.instead_of(_whose(session), refused.password or b"")
        if isinstance(auth, PasswordAuth):
            return _one_line(await self._secret(auth.secret, fresh=True), auth.secret)
        return None

    def keep_only(self, needed: Collection[SecretRef]) -> None:
        """Forget secrets that no service of the newest configuration refers to."""
        self.secrets.keep_only(needed)

    async def _secret(self, reference: SecretRef, *, fresh: bool = False) -> bytes:
        found = self.secrets.ask(reference, fresh=fresh)
        if not isinstance(found, Asking):
            return found
        waiting = asyncio.wrap_future(found.future)
        waiting.add_done_callback(_seen)
        # One who gives up must not take the answer from the others.
        done, _ = await asyncio.wait([waiting], timeout=found.patience)
        return waiting.result() if done or found.known is None else found.known


def _one_line(password: bytes, reference: SecretRef) -> bytes:
    """Return a password; raise SecretError for what is none, as a key that was meant for no one."""
    if b"\n" in password or b"\0" in password:
        raise SecretError(f"the secret {reference.name} is no password: it has several lines")
    return password


def _wanted(auth: CertificateAuth, session: Session) -> Wanted:
    return Wanted(
        service=session.service,
        user=session.user,
        role=session.role,
        minutes=auth.minutes,
        session=session.session,
        serial=session.serial,
    )


def _whose(session: Session) -> Whose:
    return Whose(session.service, session.user, session.role, session.session, session.serial)


def _seen(waiting: "asyncio.Future[bytes]") -> None:
    """Look at a failure for which nobody waits any more."""
    if not waiting.cancelled():
        waiting.exception()
