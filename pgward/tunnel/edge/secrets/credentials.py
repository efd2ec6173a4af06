"""What a connection to PostgreSQL needs: a password, a certificate, the key for a jump host."""

import asyncio
import os
from collections.abc import Collection, Mapping
from typing import Self

from pgward.client.edge_calls import Caller
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.secrets.cupboard import Asking, Cupboard
from pgward.tunnel.edge.secrets.mint import Mint, Wanted
from pgward.tunnel.edge.secrets.places import CaSecrets, EnvironmentSecrets, FileSecrets
from pgward.tunnel.edge.secrets.provider import SecretProvider
from pgward.tunnel.edge.secrets.vault import VaultSecrets, VaultSettings
from pgward.tunnel.edge.state import Peer
from pgward.tunnel.edge.state_postgres import (
    CertificateAuth,
    Config,
    PasswordAuth,
    SecretRef,
    SecretSource,
)
from pgward.tunnel.edge.upstreams.contexts import ClientCertificate
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.edge.upstreams.values import Credentials


class Keyring:
    """Gets credentials for sessions of one event loop; close it after use.

    What is remembered costs no thread and no request.
    """

    def __init__(self, cupboard: Cupboard, mint: Mint, vault: VaultSecrets | None = None) -> None:
        self.secrets = cupboard
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
        self.secrets.close()
        if self._vault is not None:
            self._vault.close()

    async def credentials(
        self, config: Config, *, service: str, peer: Peer, role: str, fresh: bool = False
    ) -> Credentials:
        """Return what a configuration logs in with; raise UpstreamError.

        ``fresh``: PostgreSQL refused what it was given before (28P01, 28000). When that comes once
        more, another try is no use.
        """
        try:
            return Credentials(
                password=await self._password(config, fresh=fresh),
                certificate=await self._certificate(config, service, peer, role, fresh=fresh),
                jump_key=None if config.jump is None else await self._secret(config.jump.key),
            )
        except PgwardError as error:
            raise UpstreamError(
                f"the edge has nothing to log in with for {service}: {error.message}",
                hint=error.hint,
            ) from error

    def keep_only(self, needed: Collection[SecretRef]) -> None:
        """Forget secrets that no service of the newest configuration refers to."""
        self.secrets.keep_only(needed)

    async def _password(self, config: Config, *, fresh: bool) -> bytes | None:
        if not isinstance(config.auth, PasswordAuth):
            return None
        return await self._secret(config.auth.secret, fresh=fresh)

    async def _certificate(
        self, config: Config, service: str, peer: Peer, role: str, *, fresh: bool
    ) -> ClientCertificate | None:
        if not isinstance(config.auth, CertificateAuth):
            return None
        serial = f"{peer.serial:x}" if peer.by_certificate else None
        wanted = Wanted(service, peer.user, role, config.auth.minutes, peer.login, serial)
        if fresh:
            self._mint.forget(wanted)
        return await self._mint.get(wanted)

    async def _secret(self, reference: SecretRef, *, fresh: bool = False) -> bytes:
        found = self.secrets.ask(reference, fresh=fresh)
        if not isinstance(found, Asking):
            return found
        waiting = asyncio.wrap_future(found.future)
        waiting.add_done_callback(_seen)
        # One who gives up must not take the answer from the others.
        done, _ = await asyncio.wait([waiting], timeout=found.patience)
        return waiting.result() if done or found.known is None else found.known


def _seen(waiting: "asyncio.Future[bytes]") -> None:
    """Look at a failure for which nobody waits any more."""
    if not waiting.cancelled():
        waiting.exception()
