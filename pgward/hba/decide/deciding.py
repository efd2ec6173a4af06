"""Find the rule that decides about a connection, and say why each earlier one does not."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.names import database_is_meant, role_is_meant
from pgward.hba.decide.server import Server
from pgward.hba.syntax.addresses import IP, HostName, Network, Word
from pgward.hba.syntax.rules import LOCAL, Rule


class Mismatch(StrEnum):
    """The first thing of a rule that does not fit a connection."""

    SOCKET = "it is for the Unix socket"
    NETWORK = "it is for connections over the network"
    NOT_TLS = "it is for TLS only"
    TLS = "it is for connections without TLS"
    NOT_GSS = "it is for GSSAPI encryption only"
    GSS = "it is for connections without GSSAPI encryption"
    ADDRESS = "the address is another"
    DATABASE = "the database is another"
    ROLE = "the role is another"


@dataclass(frozen=True, slots=True)
class Decision:
    """``index`` is that of the rule that decides, None when none does, which refuses.

    ``passed`` says of each earlier rule why it does not.
    """

    index: int | None
    passed: tuple[Mismatch, ...]


def decide(server: Server, connection: Connection) -> Decision:
    """Return which of a server's rules decides; raise BeyondUsError."""
    asked = connection.received(server.able)
    passed: list[Mismatch] = []
    for index, rule in enumerate(server.rules):
        found = mismatch(server, rule, asked)
        if found is None:
            return Decision(index, tuple(passed))
        passed.append(found)
    return Decision(None, tuple(passed))


def mismatch(server: Server, rule: Rule, connection: Connection) -> Mismatch | None:
    """Return what of a rule does not fit, in PostgreSQL's order, or None when all does."""
    found = _transport(rule.kind, connection)
    if found is not None:
        return found
    if connection.address is not None and not _address_fits(rule, connection, server.world):
        return Mismatch.ADDRESS
    if not database_is_meant(server, rule.databases, connection.database, connection.user):
        return Mismatch.DATABASE
    return None if role_is_meant(server, rule.roles, connection.user) else Mismatch.ROLE


def _transport(kind: str, connection: Connection) -> Mismatch | None:
    if connection.address is None:
        return None if kind == LOCAL else Mismatch.NETWORK
    if kind == LOCAL:
        return Mismatch.SOCKET
    encryption = connection.encryption
    wanted, found = _WANTED.get(kind, (None, Mismatch.ADDRESS))
    return None if wanted is None or wanted(encryption) else found


_WANTED: dict[str, tuple[Callable[[Encryption], bool], Mismatch]] = {
    "hostssl": (lambda used: used is Encryption.TLS, Mismatch.NOT_TLS),
    "hostnossl": (lambda used: used is not Encryption.TLS, Mismatch.TLS),
    "hostgssenc": (lambda used: used is Encryption.GSS, Mismatch.NOT_GSS),
    "hostnogssenc": (lambda used: used is not Encryption.GSS, Mismatch.GSS),
}


def _address_fits(rule: Rule, connection: Connection, world: World) -> bool:
    address, client = rule.address, connection.address
    if address is Word.ALL or client is None:
        return True
    if isinstance(address, Network):
        return address.holds(client)
    if isinstance(address, HostName):
        return connection.host_name is not None and address.matches(connection.host_name)
    if address is Word.SAMEHOST:
        return any(_plain(client) == each.ip for each in world.interfaces)
    return any(_plain(client) in each.network for each in world.interfaces)


def _plain(client: IP) -> IP:
    """Return an address without its zone."""
    return ip_address(str(client).partition("%")[0])
