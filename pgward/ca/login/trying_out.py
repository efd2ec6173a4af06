"""A provider that is to be applied is asked whether it works, as far as that is possible now."""

from dataclasses import dataclass, field

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca.identity import provider_secrets
from pgward.ca.keys.sealing import SealError
from pgward.ca.login.desk import Desk
from pgward.ca.login.ldap import checks as ldap_checks
from pgward.ca.login.ldap.directory import LdapDirectory
from pgward.ca.login.oidc import administering
from pgward.ca.login.oidc import checks as oidc_checks
from pgward.ca.login.oidc.checks import Check
from pgward.ca.login.oidc.providers import Providers
from pgward.ca.resources import stored as resources
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.core.errors import ConflictError

_CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found, and why something could not be tried out."""

    checks: list[Check] = field(default_factory=list)
    untried: str | None = None

    @property
    def notes(self) -> list[str]:
        """What the administrator should know."""
        told = [_told(each) for each in self.checks if each.verdict != "ok"]
        return told if self.untried is None else [*told, self.untried]

    def check(self) -> None:
        """Raise ConflictError when the provider cannot be used."""
        failed = [each for each in self.checks if each.verdict == "failed"]
        if failed:
            raise ConflictError(
                f"the identity provider cannot be used: {_told(failed[0])};"
                " --untried applies it all the same",
                hint="correct it there, or in the file",
            )


class Trials:
    """One process's."""

    def __init__(self, desk: Desk, providers: Providers) -> None:
        self._desk = desk
        self._providers = providers

    async def hold(self, wanted: IdentityProvider) -> Trial:
        """Ask what can be asked; nothing, where the spec is as it was.

        Raises ConflictError for a change that may not be made.
        """
        changes, secret = await run_sync(self._look_up, wanted)
        name, spec = wanted.metadata.name, wanted.spec
        if not changes:
            return Trial()
        if isinstance(spec, LdapSpec):
            if secret is None and spec.bind_dn is not None:
                return Trial(untried=_without_secret(name, "was not tried out"))
            directory = LdapDirectory(
                spec, secret, monotonic=self._desk.monotonic, now=self._desk.now
            )
            return Trial(await ldap_checks.look(directory, spec))
        found = await oidc_checks.look(self._providers.make(name, spec, secret).provider)
        unknown = secret is None and spec.client_auth != "none"
        if unknown and any(each.name == _CLIENT and each.verdict != "ok" for each in found):
            rest = [each for each in found if each.name != _CLIENT]
            return Trial(rest, _without_secret(name, "was tried out without its client"))
        return Trial(found)

    def _look_up(self, wanted: IdentityProvider) -> tuple[bool, str | None]:
        """Return whether there is a change, and the secret that is stored."""
        name = wanted.metadata.name
        with self._desk.store.read() as connection:
            administering.check_change(connection, wanted)
            found = resources.find(connection, administering.KIND, name)
            secret = self._secret(connection, name)
        spec = wanted.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        return found is None or found.spec != spec, secret

    def _secret(self, connection: Connection, name: str) -> str | None:
        try:
            return provider_secrets.find(connection, self._desk.sealer, name)
        except SealError:  # the CA has another keys/seal.key by now
            return None


def _told(check: Check) -> str:
    return check.detail if check.detail.startswith(check.name) else f"{check.name}: {check.detail}"


def _without_secret(name: str, what: str) -> str:
    return (
        f"{name} {what}, as its secret is not stored:"
        f" pgward idp secret {name}, then pgward idp test {name}"
    )
