"""Addresses as limits see them: who counts as one caller, and which proxies are trusted."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pgward.core.errors import InvalidInputError

Network = IPv4Network | IPv6Network
_MAX_FORWARDED = 32


@lru_cache(maxsize=1024)  # asked several times for each request
def key(address: str | None) -> str | int | None:
    """Return what one caller is known by: an address, or the first half of an IPv6 one.

    A /64 is the least that one customer has (RFC 6177).
    """
    found = _read(address or "")
    if found is None:
        return address
    return int(found) >> 64 if isinstance(found, IPv6Address) else str(found)


def parse(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks (``10.0.0.0/8``); raise InvalidInputError."""
    return tuple(_network(text) for text in texts)


def contains(networks: Iterable[Network], address: str | None) -> bool:
    """Tell whether an address is in one of the networks."""
    found = _read(address or "")
    return found is not None and any(found in network for network in networks)


def forwarded(networks: Iterable[Network], peer: str | None, header: str) -> str | None:
    """Return who really asks: the last address in X-Forwarded-For that is no trusted proxy's.

    What stands before that address anyone can have written, so it is not looked at.
    """
    trusted, client = tuple(networks), peer
    for text in reversed(header.split(",")[-_MAX_FORWARDED:]):
        if not contains(trusted, client):
            break
        found = _read(text.strip())
        if found is None:
            break
        client = str(found)
    return client


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no address and no network", hint="for example 10.0.0.5 or 10.0.0.0/8"
        ) from None
