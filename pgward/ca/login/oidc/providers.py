"""The OpenID providers of a CA, each kept with its metadata and keys until it is changed."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from sqlalchemy.engine import Connection

from pgward.ca.identity import provider_secrets
from pgward.ca.keys.sealing import SealError
from pgward.ca.login import way_back
from pgward.ca.login.desk import Desk
from pgward.ca.login.oidc.fetch import Fetcher, HttpsFetcher
from pgward.ca.login.oidc.provider import Provider
from pgward.ca.login.oidc.relying_party import RelyingParty
from pgward.ca.resources import stored as resources
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.ca.resources.stored import Resource
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError

KIND = "IdentityProvider"
_MOST = 100

Fetching = Callable[[OidcSpec], Fetcher]


def over_https(spec: OidcSpec) -> Fetcher:
    """Return what asks a provider as its spec says."""
    return HttpsFetcher(ca=spec.ca, proxy=spec.proxy)


@dataclass(frozen=True, slots=True)
class Known:
    """A provider as it is stored, and us as its client."""

    name: str
    title: str
    spec: OidcSpec
    provider: Provider
    party: RelyingParty


class Providers:
    """Blocks on the store; safe to use from any thread."""

    def __init__(self, desk: Desk, fetching: Fetching = over_https) -> None:
        self.fetching = fetching
        self._desk = desk
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[object, Known]] = OrderedDict()

    def get(self, name: str | None) -> Known:
        """Return a provider, or the only one there is; raise NotFoundError."""
        with self._desk.store.read() as connection:
            found = self._chosen(connection, name)
            state = _state(found, provider_secrets.changed_at(connection, found.name))
            with self._lock:
                kept = self._known.get(found.name)
            if kept is not None and kept[0] == state:
                return kept[1]
            secret = self._secret(connection, found.name)
        known = self.make(found.name, OidcSpec.model_validate(found.spec), secret, found)
        with self._lock:
            self._known[found.name] = state, known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return known

    def make(
        self, name: str, spec: OidcSpec, secret: str | None, resource: Resource | None = None
    ) -> Known:
        """Return a provider that need not be stored."""
        provider = Provider(
            spec, self.fetching(spec), secret=lambda: secret, monotonic=self._desk.monotonic
        )
        party = RelyingParty(provider, self._desk.clock.now, page=way_back.own(self._desk.settings))
        title = resource.description if resource is not None else ""
        return Known(name, title or name, spec, provider, party)

    def every(self, connection: Connection) -> list[Resource]:
        """Return all of them as they are stored."""
        found = resources.every(connection, KIND)
        return [each for each in found if each.spec.get("type") == "oidc"]

    def _secret(self, connection: Connection, name: str) -> str | None:
        try:
            return provider_secrets.find(connection, self._desk.sealer, name)
        except SealError:
            raise UnavailableError(
                f"the client secret of {name} was sealed with another key than keys/seal.key",
                hint=f"put the key back, or store the secret anew: pgward idp secret {name}",
            ) from None

    def _chosen(self, connection: Connection, name: str | None) -> Resource:
        if name is not None:
            found = resources.find(connection, KIND, name)
            if found is None or found.spec.get("type") != "oidc":
                raise NotFoundError(
                    f"there is no OpenID provider {name!r}", hint="pgward login --help"
                )
            return found
        every = self.every(connection)
        if not every:
            raise NotFoundError("there is no OpenID provider", hint="pgward idp add")
        if len(every) > 1:
            names = ", ".join(each.name for each in every)
            raise InvalidInputError("there are several OpenID providers", hint=f"name one: {names}")
        return every[0]


def _state(resource: Resource, secret_since: datetime | None) -> tuple[object, ...]:
    return resource.version, resource.created_at, secret_since
