"""The LDAP directories of a CA, each kept with what it knows of its servers until it is changed."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from sqlalchemy.engine import Connection

from pgward.ca.identity import provider_secrets
from pgward.ca.keys.sealing import SealError
from pgward.ca.login.desk import Desk
from pgward.ca.login.ldap.directory import LdapDirectory
from pgward.ca.resources import stored as resources
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.ca.resources.stored import Resource
from pgward.core.errors import InvalidInputError, NotFoundError

KIND = "IdentityProvider"
TYPE = "ldap"
_MOST = 100
_READ_AGAIN_SECONDS = 60.0  # what other replicas changed is known then


@dataclass(frozen=True, slots=True)
class Known:
    """A directory as it is stored, and the way to ask it."""

    name: str
    spec: LdapSpec
    directory: LdapDirectory


class Directories:
    """Blocks on the store; safe to use from any thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[object, Known]] = OrderedDict()
        self._asking: tuple[frozenset[str], float] | None = None
        desk.store.on_change(self._forget)

    @property
    def may_ask_again(self) -> bool:
        """Whether there may be a directory that is asked again; does not block."""
        asking = self._asking
        return asking is None or bool(asking[0]) or self._is_old(asking[1])

    def asked_again(self) -> frozenset[str]:
        """Return the names of the directories that are asked again before renewals."""
        asking = self._asking
        if asking is not None and not self._is_old(asking[1]):
            return asking[0]
        since = self._desk.monotonic()
        with self._desk.store.read() as connection:
            specs = {
                each.name: LdapSpec.model_validate(each.spec) for each in self.every(connection)
            }
        found = frozenset(name for name, spec in specs.items() if spec.asks_again)
        self._asking = found, since
        return found

    def _is_old(self, since: float) -> bool:
        return self._desk.monotonic() - since >= _READ_AGAIN_SECONDS

    def _forget(self) -> None:
        self._asking = None

    def get(self, name: str | None) -> Known:
        """Return a directory, or the only one there is; raise NotFoundError, InvalidInputError."""
        with self._desk.store.read() as connection:
            found = self._chosen(connection, name)
            since = provider_secrets.changed_at(connection, found.name)
            state = (found.version, found.created_at, since)
            with self._lock:
                kept = self._known.get(found.name)
            if kept is not None and kept[0] == state:
                return kept[1]
            try:
                secret = provider_secrets.find(connection, self._desk.sealer, found.name)
            except SealError:  # the CA has another keys/seal.key by now
                secret = None
        known = self._make(found, secret)
        with self._lock:
            self._known[found.name] = state, known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return known

    def every(self, connection: Connection) -> list[Resource]:
        """Return all of them as they are stored."""
        found = resources.every(connection, KIND)
        return [each for each in found if each.spec.get("type") == TYPE]

    def _make(self, resource: Resource, secret: str | None) -> Known:
        spec = LdapSpec.model_validate(resource.spec)
        directory = LdapDirectory(spec, secret, monotonic=self._desk.monotonic, now=self._desk.now)
        return Known(resource.name, spec, directory)

    def _chosen(self, connection: Connection, name: str | None) -> Resource:
        every = self.every(connection)
        found = [each for each in every if name in (None, each.name)]
        if not found:
            named = "" if name is None else f" {name!r}"
            raise NotFoundError(f"there is no LDAP directory{named}", hint="pgward login --help")
        if len(found) > 1:
            names = ", ".join(each.name for each in found)
            raise InvalidInputError("there are several LDAP directories", hint=f"name one: {names}")
        return found[0]
