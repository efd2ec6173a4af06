"""What each PostgreSQL version understands; tested on real servers from 11 to 18.

The traps that make this a table: PostgreSQL 11 reads ``clientcert=verify-full`` as *off*, 14 and
later refuse ``clientcert=1`` and then silently keep the configuration they had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from pgward.core.errors import InvalidInputError

OLDEST = 11
NEWEST = 18
_MOST_NAME = 63  # NAMEDATALEN - 1
_OLD_MOST_WORD = 255


Ip = IPv4Address | IPv6Address


class Dialect(StrEnum):
    """Whose rules the files are written for; the others' abilities are in ``dialects``."""

    POSTGRESQL = "postgresql"
    COCKROACHDB = "cockroachdb"
    YUGABYTEDB = "yugabytedb"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What one major version can do."""

    version: int

    @classmethod
    def of(cls, version: int) -> Self:
        """Return the abilities of a major version; raise InvalidInputError for an unknown one."""
        if not OLDEST <= version <= NEWEST:
            raise InvalidInputError(
                f"PostgreSQL {version} is not supported",
                hint=f"pgward knows the versions {OLDEST} to {NEWEST}",
            )
        return cls(version)

    @property
    def dialect(self) -> Dialect:
        """Whose server it is."""
        return Dialect.POSTGRESQL

    @property
    def name(self) -> str:
        """What the server is called where it is spoken of."""
        return f"PostgreSQL {self.version}"

    @property
    def on_refusal(self) -> str:
        """What the server does about files that it does not take."""
        return "a reload keeps what was there before, without a word to anyone"

    @property
    def superusers(self) -> frozenset[str]:
        """The superusers that every server has."""
        return frozenset({"postgres"})

    @property
    def most_word(self) -> int | None:
        """The most bytes that a word may have, where that is limited."""
        return _OLD_MOST_WORD if self.version < 14 else None  # noqa: PLR2004

    @property
    def without_tls(self) -> bool:
        """Whether anybody is listened to over the network without TLS."""
        return True

    @property
    def physical_replication(self) -> bool:
        """Whether rules speak of physical replication."""
        return True

    def received(self, name: str) -> str:
        """Return the name of a role or a database as it is compared: cut to 63 bytes.

        17.0 took it whole, and no release before or after it.
        """
        data = name.encode("utf-8", "surrogateescape")[:_MOST_NAME]
        return data.decode("utf-8", "surrogateescape")

    def client(self, address: Ip) -> Ip:
        """Return the address of a client as rules are compared with it."""
        return address

    def folded(self, name: str) -> str:
        """Return a name from outside as it is compared with a role's."""
        return name

    def principal(
        self, _method: str, _options: Sequence[tuple[str, str]], system: str
    ) -> str | None:
        """Return who a method takes somebody for, of whom the system says who it is."""
        return system

    def usable(self, _method: str, *, local: bool, tls: bool) -> bool:  # noqa: ARG002
        """Tell whether a method can be used over a kind of connection that its line matches.

        PostgreSQL refuses a line whose method cannot.
        """
        return True

    @property
    def clientcert_any(self) -> str:
        """The option that asks for any valid certificate beside another method."""
        return "clientcert=1" if self.version == OLDEST else "clientcert=verify-ca"

    @property
    def clientcert_name(self) -> str | None:
        """The option that also binds the certificate's name to the role, where there is one."""
        return None if self.version == OLDEST else "clientcert=verify-full"

    @property
    def clientcert_values(self) -> frozenset[str]:
        """The values of ``clientcert`` that do ask for a certificate."""
        if self.version == OLDEST:
            return _ONE
        return _ONE_OR_FULL if self.version < 14 else _FULL  # noqa: PLR2004 - a version is a name

    @property
    def minimum_protocol(self) -> bool:
        """Whether ``ssl_min_protocol_version`` exists."""
        return self.version >= 12  # noqa: PLR2004

    @property
    def gss_lines(self) -> bool:
        """Whether ``hostgssenc`` and ``hostnogssenc`` exist."""
        return self.version >= 12  # noqa: PLR2004

    @property
    def continuation(self) -> bool:
        """Whether a backslash at the end continues a line."""
        return self.version >= 14  # noqa: PLR2004

    @property
    def includes(self) -> bool:
        """Whether ``include`` lines, and regular expressions for databases and roles, exist."""
        return self.version >= 16  # noqa: PLR2004

    @property
    def any_role_map(self) -> bool:
        """Whether a pg_ident line may map to the database user ``all``."""
        return self.version >= 16  # noqa: PLR2004

    @property
    def identity_in_log(self) -> bool:
        """Whether the log says which identity was authenticated."""
        return self.version >= 14  # noqa: PLR2004

    @property
    def connection_stages(self) -> bool:
        """Whether ``log_connections`` is a list of stages instead of on or off."""
        return self.version >= 18  # noqa: PLR2004

    @property
    def methods(self) -> frozenset[str]:
        """The authentication methods that pg_hba.conf may name."""
        known = _METHODS | {"oauth"} if self.version >= NEWEST else _METHODS
        return frozenset(known)


_ONE = frozenset({"1"})
_FULL = frozenset({"verify-ca", "verify-full"})
_ONE_OR_FULL = _ONE | _FULL
_METHODS = frozenset(
    {
        *("trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer"),
        *("ldap", "radius", "cert", "pam", "bsd"),
    }
)
