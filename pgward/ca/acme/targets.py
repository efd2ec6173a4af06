"""Where a validation may connect to: a client must not have the authority ask anything anywhere.

An identifier's addresses are looked up once, checked, and connected to as they are: a second
look-up could give others. Private networks are where databases are, so they are allowed unless
refused by the settings; loopback, link-local (a cloud's metadata), multicast and unspecified
addresses are refused from the start.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from pgward.ca.acme.identifiers import IP, Identifier
from pgward.ca.acme.problems import AcmeError

Resolver = Callable[[str], Awaitable[Sequence[str]]]
LOOK_UP_SECONDS = 5.0
_MOST = 4  # addresses that are tried
# NAT64 (RFC 6052), a site's own NAT64 (RFC 8215), and IPv4-compatible ones (RFC 4291).
_IPV4_AT_THE_END = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))


async def system_resolver(name: str) -> Sequence[str]:
    """Look a name up as the system does."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class Targets:
    """Finds addresses; ``fixed`` are names that need no look-up."""

    refused: tuple[str, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)
    resolver: Resolver = system_resolver

    async def find(self, identifier: Identifier) -> list[str]:
        """Return addresses to connect to; raise AcmeError (``dns``, ``connection``)."""
        if identifier.type == IP:
            found: Sequence[str] = [identifier.value]
        elif identifier.value in self.fixed:
            found = [self.fixed[identifier.value]]
        else:
            found = await self._look_up(identifier.value)
        allowed = [each for each in dict.fromkeys(found) if not self.is_refused(each)]
        if not allowed:
            raise AcmeError(
                "connection", f"{identifier.value} is at an address that is not connected to"
            )
        return allowed[:_MOST]

    def is_refused(self, text: str) -> bool:
        """Tell whether an address is in a refused network, in whatever disguise."""
        try:
            address = ip_address(text)
        except ValueError:
            return True
        return any(
            each in ip_network(network)
            for each in _meanings(address)
            for network in self.refused
            if ip_network(network).version == each.version
        )

    async def _look_up(self, name: str) -> Sequence[str]:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                found = await self.resolver(name)
        except TimeoutError as error:
            raise AcmeError("dns", f"looking up {name} took too long") from error
        except (OSError, UnicodeError) as error:
            raise AcmeError("dns", f"{name} cannot be looked up") from error
        if not found:
            raise AcmeError("dns", f"{name} has no address")
        return found


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Return an address and the IPv4 address inside it, if it has one."""
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _IPV4_AT_THE_END):
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(each for each in inner if each is not None)]
