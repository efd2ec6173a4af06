"""What each PostgreSQL version understands; tested on real servers from 11 to 18.

The traps that make this a table: PostgreSQL 11 reads ``clientcert=verify-full`` as *off*, 14 and
later refuse ``clientcert=1`` and then silently keep the configuration they had.
"""

from dataclasses import dataclass
from typing import Self

from pgward.core.errors import InvalidInputError

OLDEST = 11
NEWEST = 18


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
            return frozenset({"1"})
        full = frozenset({"verify-ca", "verify-full"})
        return full | {"1"} if self.version < 14 else full  # noqa: PLR2004 - a version is a name

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


_METHODS = frozenset(
    {
        *("trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer"),
        *("ldap", "radius", "cert", "pam", "bsd"),
    }
)
