"""What a connection to PostgreSQL needs: a password, a certificate, the key for a jump host."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

from pgward.client.edge_calls import Caller
from pgward.tunnel.edge.secrets.cupboard import Cupboard
from pgward.tunnel.edge.secrets.mint import Mint, Wanted
from pgward.tunnel.edge.secrets.places import CaSecrets, EnvironmentSecrets, FileSecrets
from pgward.tunnel.edge.secrets.provider import SecretProvider
from pgward.tunnel.edge.secrets.vault import VaultSecrets, VaultSettings
from pgward.tunnel.edge.state_postgres import (
    CertificateAuth,
    Config,
    PasswordAuth,
    SecretRef,
    SecretSource,
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
    """Gets credentials for sessions; close it after use."""

    def __init__(self, cupboard: Cupboard, mint: Mint, vault: VaultSecrets | None = None) -> None:
        self._cupboard = cupboard
        self._mint = mint
        self._vault = vault

    @classmethod
    def open(cls, ca: Caller, environment: Mapping[str, str] = os.environ) -> Self:
        """Join all providers; raise InvalidInputError for a Vault that is named wrongly."""
        providers: dict[SecretSource, SecretProvider] = {
            "secret": CaSecrets(ca),
            "file": FileSecrets(),
            "env": EnvironmentSecrets(environment),
        }
        settings = VaultSettings.read(environment)
        vault = None if settings is None else VaultSecrets(settings)
        if vault is not None:
            providers["vault"] = vault
        return cls(Cupboard(providers), Mint(ca), vault)

    def close(self) -> None:
        """Close the connection to Vault, if there is one."""
        if self._vault is not None:
            self._vault.close()

    async def get(self, config: Config, session: Session) -> Credentials:
        """Return what the configuration asks for.

        Raises SecretError, SecretAwayError; and as `edge_calls.mint` for certificates.
        """
        auth, found = config.auth, Credentials()
        if isinstance(auth, PasswordAuth):
            found = replace(found, password=await self._cupboard.get(auth.secret))
        elif isinstance(auth, CertificateAuth):
            found = replace(found, certificate=await self._mint.get(_wanted(auth, session)))
        if config.jump is not None:
            found = replace(found, jump_key=await self._cupboard.get(config.jump.key))
        return found

    async def after_refusal(
        self, config: Config, session: Session, refused: Credentials
    ) -> Credentials | None:
        """Return other credentials after PostgreSQL refused these (28P01, 28000); None if none."""
        auth = config.auth
        if isinstance(auth, PasswordAuth) and refused.password is not None:
            other = await self._cupboard.other_than(auth.secret, refused.password)
            return None if other is None else replace(refused, password=other)
        if isinstance(auth, CertificateAuth):
            self._mint.forget(_wanted(auth, session))
        return None

    def keep_only(self, needed: Collection[SecretRef]) -> None:
        """Forget secrets that no service of the newest configuration refers to."""
        self._cupboard.keep_only(needed)


def _wanted(auth: CertificateAuth, session: Session) -> Wanted:
    return Wanted(
        service=session.service,
        user=session.user,
        role=session.role,
        minutes=auth.minutes,
        session=session.session,
        serial=session.serial,
    )
