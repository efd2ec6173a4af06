"""A connection as PostgreSQL sees it before anything is proved, and the world around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface

from pgward.hba.syntax.addresses import IP
from pgward.hba.syntax.versions import Abilities


class Encryption(StrEnum):
    """What protects a connection on its way."""

    NONE = "none"
    TLS = "tls"
    GSS = "gss"


@dataclass(frozen=True, slots=True)
class Connection:
    """``address`` is None on the Unix socket, ``database`` None for physical replication.

    ``host_name`` is the client's name, where the DNS leads from the address to it and back.
    """

    user: str
    database: str | None
    address: IP | None
    encryption: Encryption = Encryption.NONE
    host_name: str | None = None

    def received(self, able: Abilities) -> "Connection":
        """Return it with names and the address as the server compares them."""
        database = None if self.database is None else able.received(self.database)
        address = None if self.address is None else able.client(self.address)
        return replace(self, user=able.received(self.user), database=database, address=address)


@dataclass(frozen=True, slots=True)
class World:
    """``member_of`` names the roles that each existing role is directly a member of."""

    member_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    interfaces: tuple[IPv4Interface | IPv6Interface, ...] = ()

    def is_member(self, role: str, group: str) -> bool:
        """Tell whether a role is in a group, or in one that is; every role is in itself."""
        if role not in self.member_of or group not in self.member_of:
            return False
        seen, left = {role}, [role]
        while left:
            if (each := left.pop()) == group:
                return True
            fresh = self.member_of.get(each, frozenset()) - seen
            seen |= fresh
            left.extend(fresh)
        return False
