"""What CockroachDB and YugabyteDB understand, where it is not what PostgreSQL does.

YugabyteDB's YSQL is PostgreSQL's own code, 11.2 until its releases 2024.2 and 15.2 from 2025.1 on,
with lines and methods of its own (src/postgres/src/backend/libpq/hba.c in its sources). CockroachDB
has written a grammar anew that looks the same and is not (pkg/sql/pgwire in its sources). Read
there, and never tried on a server; docs/reference/hba-dialects.md says at which commits.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pgward.core.errors import InvalidInputError
from pgward.hba.syntax.versions import Abilities, Dialect, Ip

_YUGABYTE_BASES = (11, 15)
# The version that CockroachDB tells its clients; nothing but numbers of PostgreSQL depends on it.
_COCKROACH_AS = 13
_MOST_WORD = 255
_COCKROACH_METHODS = frozenset(
    {
        *("cert", "cert-password", "cert-scram-sha-256", "password", "scram-sha-256"),
        *("trust", "reject", "gss", "ldap", "peer"),
    }
)
_OVER_TLS = frozenset({"cert", "gss"})


@dataclass(frozen=True, slots=True)
class Flags:
    """How yb-tserver runs: with ``--ysql_enable_auth``, ``--use_client_to_server_encryption``."""

    enable_auth: bool = False
    encryption: bool = False


@dataclass(frozen=True, slots=True)
class Yugabyte(Abilities):
    """YugabyteDB; ``version`` is that of the PostgreSQL it is made of.

    ``flags`` are there where the values of its flags are read, and not the file made of them.
    """

    flags: Flags | None = None

    @classmethod
    def of(cls, version: int) -> Self:
        """Return what it can do; raise InvalidInputError where it is made of no such version."""
        if version not in _YUGABYTE_BASES:
            raise InvalidInputError(
                f"YugabyteDB is not made of PostgreSQL {version}",
                hint="it is 15 from its release 2025.1 on, and 11 before; SELECT version() says it",
            )
        return cls(version)

    @property
    def dialect(self) -> Dialect:
        """Whose server it is."""
        return Dialect.YUGABYTEDB

    @property
    def name(self) -> str:
        """What the server is called where it is spoken of."""
        return f"YugabyteDB (PostgreSQL {self.version})"

    @property
    def on_refusal(self) -> str:
        """What the server does about files that it does not take."""
        return "yb-tserver's PostgreSQL does not come up with it"

    @property
    def superusers(self) -> frozenset[str]:
        """The superusers that every server has."""
        return frozenset({"postgres", "yugabyte"})

    @property
    def most_word(self) -> int | None:
        """The most bytes that a word may have: both bases have kept the limit."""
        return _MOST_WORD

    @property
    def methods(self) -> frozenset[str]:
        """PostgreSQL's, its own of tokens, and one for its own processes."""
        return Abilities(self.version).methods | {"jwt", "yb-tserver-key"}


@dataclass(frozen=True, slots=True)
class Cockroach(Abilities):
    """CockroachDB; ``takes_plain`` where its nodes run with ``--accept-sql-without-tls``."""

    version: int = _COCKROACH_AS
    takes_plain: bool = False

    @property
    def dialect(self) -> Dialect:
        """Whose server it is."""
        return Dialect.COCKROACHDB

    @property
    def name(self) -> str:
        """What the server is called where it is spoken of."""
        return "CockroachDB"

    @property
    def on_refusal(self) -> str:
        """What the server does about files that it does not take."""
        return "SET CLUSTER SETTING refuses the whole text, and what was there before stays"

    @property
    def superusers(self) -> frozenset[str]:
        """The superusers that every server has."""
        return frozenset({"root"})

    @property
    def most_word(self) -> int | None:
        """The most bytes that a word may have: as many as one likes."""
        return None

    @property
    def without_tls(self) -> bool:
        """Whether anybody is listened to over the network without TLS."""
        return self.takes_plain

    @property
    def physical_replication(self) -> bool:
        """Whether rules speak of physical replication: there is none."""
        return False

    @property
    def methods(self) -> frozenset[str]:
        """The methods of the builds that most people run."""
        return _COCKROACH_METHODS

    @property
    def gss_lines(self) -> bool:
        """Whether ``hostgssenc`` and ``hostnogssenc`` exist."""
        return False

    @property
    def clientcert_name(self) -> str | None:
        """The option that also binds the certificate's name: none, only methods ask for one."""
        return None

    @property
    def clientcert_values(self) -> frozenset[str]:
        """The values of ``clientcert`` that do ask for a certificate: none, it does nothing."""
        return frozenset()

    def received(self, name: str) -> str:
        """Return the name of a role as it is compared."""
        return self.folded(name)

    def client(self, address: Ip) -> Ip:
        """Return the address of a client, IPv4 where it came to a socket of IPv6 (``To4``)."""
        return getattr(address, "ipv4_mapped", None) or address

    def folded(self, name: str) -> str:
        """Return a name in lower case, each letter by itself, and composed (NormalizeName)."""
        lower = "".join(each.lower()[:1] for each in name)
        return lower if lower.isascii() else unicodedata.normalize("NFC", lower)

    def principal(self, method: str, options: Sequence[tuple[str, str]], system: str) -> str | None:
        """Return who a method takes somebody for: gss looks at the realm, then may drop it."""
        if method != "gss":
            return system
        name, at, realm = system.partition("@")
        realms = {value for each, value in options if each == "krb_realm"}
        if realms and not (at and realm in realms):
            return None
        return name if ("include_realm", "0") in options else system

    def usable(self, method: str, *, local: bool, tls: bool) -> bool:
        """Tell whether a method can be used: a line may have one that never can."""
        if method in _OVER_TLS:
            return tls
        return local if method == "peer" else True
