"""The LDAP directories of a CA, each kept with what it knows of its servers until it is changed."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from sqlalchemy.engine import Connection

from pgward.ca.identity import provider_secrets
from pgward.ca.login.desk import Desk
from pgward.ca.login.ldap.directory import LdapDirectory
from pgward.ca.resources import stored as resources
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.ca.resources.stored import Resource
from pgward.core.errors import InvalidInputError, NotFoundError

KIND = "IdentityProvider"
TYPE = "ldap"
_MOST = 100


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
            secret = provider_secrets.find(connection, self._desk.sealer, found.name)
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
        directory = LdapDirectory(spec, secret, monotonic=self._desk.monotonic)
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
