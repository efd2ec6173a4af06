"""What is wanted of a server, as values that are checked once."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_interface

from pgward.core import names
from pgward.core.errors import InvalidInputError

_MAP_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_ADDRESS_WORDS = frozenset({"all", "samehost", "samenet"})
_DATABASE_WORDS = frozenset({"all", "sameuser", "samerole"})
_MAX_WORD = 200  # PostgreSQL 13 and older skip words of 256 bytes and more
_MOST_WORDS = 120
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Auth(StrEnum):
    """How people prove who they are; in every case TLS is needed."""

    CERT = "cert"
    """The login certificate alone; its name becomes the role through the map."""
    SCRAM_AND_CERT = "scram+cert"
    """A password, and the certificate of that very role (PostgreSQL 12 and later)."""
    SCRAM_AND_ANY_CERT = "scram+any-cert"
    """A password, and any valid login certificate: for roles that several people share."""
    CERT_OR_SCRAM = "cert-or-scram"
    """The certificate, except for the password roles, which need a password and none."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the server finds its material; paths as PostgreSQL should read them."""

    certificate: str = "server.crt"
    key: str = "server.key"
    ca: str = "user-ca.crt"
    crl: str = "user-ca.crl"


@dataclass(frozen=True, slots=True)
class Plan:
    """Who may log in to what, from where, and how; checked, raises InvalidInputError.

    ``databases`` and ``roles`` take ``all`` and ``+group`` as pg_hba.conf does. ``mapped`` are
    pairs (certificate name, role) beside "the name is the role"; the role ``all`` is every role.
    With ``map_from_ca`` the name is no role by itself: `pgward hba roles` writes who is who.
    ``cert_roles`` log in by a certificate in the role's own name, whatever the map says.
    """

    auth: Auth = Auth.CERT
    databases: tuple[str, ...] = ("all",)
    roles: tuple[str, ...] = ("all",)
    addresses: tuple[str, ...] = ("all",)
    password_roles: tuple[str, ...] = ()
    cert_roles: tuple[str, ...] = ()
    replication_roles: tuple[str, ...] = ()
    superusers: tuple[str, ...] = ("postgres",)
    map_name: str = "pgward"
    mapped: tuple[tuple[str, str], ...] = ()
    strip_domain: str | None = None
    map_from_ca: bool = False
    tls: TlsFiles = field(default_factory=TlsFiles)

    def __post_init__(self) -> None:
        for database in self.databases:
            _word(database, "database")
        own = (*self.password_roles, *self.cert_roles, *self.replication_roles)
        for role in (*self.roles, *own, *self.superusers):
            _word(role, "role")
        for name, role in self.mapped:
            names.identity(name)
            _word(role, "role")
        object.__setattr__(self, "addresses", tuple(_address(each) for each in self.addresses))
        if not _MAP_NAME.fullmatch(self.map_name):
            raise InvalidInputError(
                f"{self.map_name!r} cannot be the name of a map",
                hint="use letters, digits, _ and -",
            )
        if self.strip_domain is not None:
            names.dns_name(self.strip_domain)
        self._check_together()

    def _check_together(self) -> None:
        named = {"database": self.databases, "role": self.roles, "address": self.addresses}
        for what, values in named.items():
            if not values:
                raise InvalidInputError(f"no {what} is named", hint="all is every one")
        self._check_passwords()
        self._check_cert_roles()
        self._check_map()

    def _check_passwords(self) -> None:
        if self.auth is Auth.CERT_OR_SCRAM and not self.password_roles:
            raise InvalidInputError(
                f"{self.auth.value} needs to know which roles log in with a password",
                hint="add --password-role ROLE: PostgreSQL takes the first line that matches, and "
                "never tries a second method",
            )
        if self.auth is not Auth.CERT_OR_SCRAM and self.password_roles:
            raise InvalidInputError(
                f"password roles make no sense with {self.auth.value}",
                hint=f"use --auth {Auth.CERT_OR_SCRAM.value}",
            )

    def _check_cert_roles(self) -> None:
        for role in self.cert_roles:
            if role == "all" or role.startswith("+"):
                raise InvalidInputError(
                    f"{role} would let people in by their own names, whatever the map says",
                    hint="name each role that --cert-role is for",
                )
            if role in self.password_roles:
                raise InvalidInputError(
                    f"{role} is to log in with a password, and with a certificate",
                    hint="PostgreSQL takes the first line that matches: name it once",
                )

    def _check_map(self) -> None:
        for name, role in self.mapped:
            if role in self.rejected_superusers:
                raise InvalidInputError(
                    f"{name} is mapped to the superuser {role}, who is refused over the network",
                    hint="allow superusers, if that is meant: --allow-superusers",
                )
        if self.map_from_ca and self.strip_domain:
            raise InvalidInputError(
                "the role map at the CA says which domain is left out of roles' names",
                hint="stripDomain in the RoleMap",
            )
        if not self.uses_map and (self.mapped or self.strip_domain or self.map_from_ca):
            raise InvalidInputError(
                "PostgreSQL has no map beside a password method",
                hint=f"use --auth {Auth.CERT.value}, or {Auth.SCRAM_AND_ANY_CERT.value} "
                "for shared roles",
            )

    @property
    def uses_map(self) -> bool:
        """Whether certificate names become roles through pg_ident.conf."""
        return self.auth in {Auth.CERT, Auth.CERT_OR_SCRAM}

    @property
    def uses_passwords(self) -> bool:
        """Whether some role logs in with a password."""
        return self.auth is not Auth.CERT

    @property
    def everywhere(self) -> bool:
        """Whether the plan speaks about every database, role and address."""
        return all("all" in each for each in (self.databases, self.roles, self.addresses))

    @property
    def words(self) -> str:
        """The plan in a few words, for a list of changes."""
        said = f"{self.auth.value} for {','.join(self.roles)} in {','.join(self.databases)}"
        said += f" from {','.join(self.addresses)}"
        return said if len(said) <= _MOST_WORDS else f"{said[:_MOST_WORDS]}…"

    @property
    def rejected_superusers(self) -> tuple[str, ...]:
        """The superusers that the role ``all`` would let in over the network."""
        return self.superusers if "all" in self.roles else ()


def keywords(*, database: bool) -> frozenset[str]:
    """Return the words that a plan uses in their pg_hba.conf meaning, so never in quotes."""
    return _DATABASE_WORDS if database else frozenset({"all"})


def _word(word: str, what: str) -> None:
    """Refuse what would be read as more than one name, or as a pattern."""
    plain = word.removeprefix("+") if what == "role" else word
    if not plain or _CONTROL.search(word) or len(word.encode()) > _MAX_WORD:
        raise InvalidInputError(f"{word!r} cannot be the name of a {what}")
    if plain.startswith("/"):
        # Version 16 and later read it as a regular expression even in quotes, and unanchored.
        raise InvalidInputError(
            f"{word!r} would be a regular expression", hint=f"name each {what}, or a group: +group"
        )


def _address(text: str) -> str:
    """Return an address as pg_hba.conf wants it: a word, a network, a host name or .suffix."""
    if text in _ADDRESS_WORDS:
        return text
    try:
        return ip_interface(text).with_prefixlen
    except ValueError:
        if "/" in text:
            raise InvalidInputError(
                f"{text!r} is not a network", hint="for example 10.0.0.0/8 or fd00::/8"
            ) from None
    names.dns_name(text.removeprefix("."))
    return text
