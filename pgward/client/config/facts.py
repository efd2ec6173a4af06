"""All that a client must know to reach one service, checked before it is written anywhere.

What the CA says of a service ends up in files that programs read and people run. A CA that lies
must not get a line, a quote or a host of its own choice into them.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self

from pgward.client.identity import IdentityPaths
from pgward.client.services import EdgeInfo, ServiceInfo
from pgward.core.errors import InvalidInputError
from pgward.core.names import dns_name, identity, resource_name
from pgward.system.safe_text import UNSAFE

LOOPBACK = "127.0.0.1"
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_WEAK = ("disable", "allow", "prefer")
_ANY_DATABASE = "postgres"
_MAX_USER = 200
_MAX_DATABASE = 63  # NAMEDATALEN - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect, and how; ``host`` is what is verified."""

    host: str
    address: str | None
    port: int
    sslmode: str


@dataclass(frozen=True, slots=True)
class Facts:
    """``host`` is the name in PostgreSQL's certificate; with ``address`` one connects there.

    Without ``cert`` the client brings none, and proves who it is by a password.
    """

    service: str
    host: str
    address: str | None
    port: int
    user: str
    database: str
    sslmode: str
    cert: str
    key: str
    ca: str
    key_der: str
    pkcs12: str

    @classmethod
    def tunnel(cls, service: ServiceInfo, port: int, user: str, paths: IdentityPaths) -> Self:
        """Return the facts of the way through a tunnel that listens at ``port``."""
        place = Place(service.server_name, LOOPBACK, port, service.ssl_mode)
        return cls._checked(service, place, user, paths)

    @classmethod
    def native(
        cls, service: ServiceInfo, host: str | None, port: int, user: str, paths: IdentityPaths
    ) -> Self:
        """Return the facts of the way straight to PostgreSQL, which is always verified.

        ``host`` is an address at which to find the server, or another name of its certificate.
        Where an edge speaks PostgreSQL it is that edge's name for the service.
        """
        if service.is_aware and (host is None or _address(host)):
            raise InvalidInputError(
                f"{service.name} is reached through an edge only (mode: postgres)",
                hint=f"leave --native out, or --host {service.name}.DOMAIN of the edge",
            )
        address = _address(host) if host else None
        name = service.server_name if host is None or address else host
        # A weak mode was meant for inside the tunnel: here nothing else protects.
        mode = "verify-full" if service.ssl_mode in _WEAK else service.ssl_mode
        return cls._checked(service, Place(name, address, port, mode), user, paths)

    @classmethod
    def by_password(
        cls, service: ServiceInfo, edge: EdgeInfo, user: str, database: str | None, ca: str
    ) -> Self:
        """Return the facts of the way to an edge for who has a token: ``user`` is its name.

        ``ca`` is the file that verifies the edge.
        """
        place = _edge(edge)
        if UNSAFE.search(user) or not 1 <= len(user) <= _MAX_USER:
            raise InvalidInputError(f"{user!r} is no user name")
        return cls(
            service=resource_name(service.name, what="service"),
            host=_host(place.host),
            address=place.address,
            port=place.port,
            user=user,
            database=_database(database or service.database or _ANY_DATABASE),
            sslmode=place.sslmode,
            cert="",
            key="",
            ca=_path(ca),
            key_der="",
            pkcs12="",
        )

    @classmethod
    def _checked(cls, service: ServiceInfo, place: Place, user: str, paths: IdentityPaths) -> Self:
        if place.sslmode not in MODES:
            raise InvalidInputError(f"the CA sent {place.sslmode!r} as an sslmode")
        return cls(
            service=resource_name(service.name, what="service"),
            host=_host(place.host),
            address=place.address,
            port=place.port,
            user=identity(user),
            database=_database(service.database or user),
            sslmode=place.sslmode,
            cert=_path(paths.cert),
            key=_path(paths.key),
            ca=_path(paths.ca),
            key_der=_path(paths.key_der),
            pkcs12=_path(paths.pkcs12),
        )

    @property
    def target(self) -> str:
        """Where to connect."""
        return self.address or self.host

    @property
    def tls(self) -> bool:
        """Whether the client itself speaks TLS."""
        return self.sslmode != "disable"

    @property
    def shows_certificate(self) -> bool:
        """Whether the client proves by a certificate who it is."""
        return self.tls and self.cert != ""

    @property
    def has_password(self) -> bool:
        """Whether the client proves by a password who it is."""
        return self.tls and not self.shows_certificate

    @property
    def verifies(self) -> bool:
        """Whether the client checks the server's chain."""
        return self.sslmode in ("verify-ca", "verify-full")

    @property
    def verifies_name(self) -> bool:
        """Whether the client checks the server's name as well."""
        return self.sslmode == "verify-full"

    @property
    def by_another_name(self) -> bool:
        """Whether one connects elsewhere than at the name that is to be verified."""
        return self.address is not None

    def to_json(self) -> dict[str, Any]:
        """Return them as data for people's programs; without the files that are not needed.

        Those are nulls: through a tunnel to an edge that speaks PostgreSQL, the client has no TLS.
        """
        files = {
            "sslcert": self.cert,
            "sslkey": self.key,
            "sslkey_der": self.key_der,
            "pkcs12": self.pkcs12,
        }
        return {
            "service": self.service,
            "host": self.host,
            "hostaddr": self.address,
            "port": self.port,
            "user": self.user,
            "database": self.database,
            "sslmode": self.sslmode,
            "sslrootcert": self.ca if self.verifies else None,
            **(files if self.shows_certificate else dict.fromkeys(files)),
        }


def _edge(edge: EdgeInfo) -> Place:
    """Return where an edge is, verified by its own name wherever that can be written."""
    host, port = edge.address.host, edge.address.port
    if host == edge.server_name:
        return Place(host, None, port, "verify-full")
    address = _address(host)
    if address is not None:
        return Place(edge.server_name, address, port, "verify-full")
    return Place(host, None, port, "verify-ca")


def _host(text: str) -> str:
    """Return an address or DNS name: never a socket's path, nor several hosts."""
    return _address(text) or dns_name(text)


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _database(name: str) -> str:
    if UNSAFE.search(name) or not 1 <= len(name.encode()) <= _MAX_DATABASE:
        raise InvalidInputError(f"the CA sent {name!r} as a database")
    return name


def _path(path: object) -> str:
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "\0"
    if UNSAFE.search(text):
        raise InvalidInputError(
            f"no client takes the path {str(path)!r}", hint="set PGWARD_HOME to a plain path"
        )
    return text
