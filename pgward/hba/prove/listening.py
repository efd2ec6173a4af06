"""Every address at which a server can be reached from its own host."""

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address

import psutil

from pgward.hba.login.link import Target
from pgward.hba.prove.admin import socket_path
from pgward.hba.syntax.addresses import IP

_EVERY = {"*": (4, 6), "0.0.0.0": (4,), "::": (6,)}  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True)
class Place:
    """Where to try, and the client's address as the server sees it; None on the Unix socket.

    ``name`` is the client's, where the DNS leads to it and back, if it was asked for.
    """

    target: Target
    client: IP | None
    name: str | None = None

    def __str__(self) -> str:
        return str(self.target)


def places(
    listen_addresses: str, port: int, directories: str, own: Iterable[str] | None = None
) -> tuple[list[Place], list[str]]:
    """Return the places that three settings mean, and the names that lead nowhere.

    ``own`` are this host's addresses, with zones.
    """
    mine = list(_own()) if own is None else list(own)
    found: dict[str, None] = {}
    lost: list[str] = []
    for word in _words(listen_addresses):
        addresses = list(_meant(word, port, mine))
        found.update(dict.fromkeys(addresses))
        lost += [] if addresses else [word]
    network = [
        Place(Target(each, port, source=each), ip_address(each)) for each in sorted(found, key=_key)
    ]
    local = [
        Place(Target(None, path=socket_path(f"{each}/.s.PGSQL.{port}")), None)
        for each in _words(directories)
    ]
    return network + local[:1], lost


def named(place: Place) -> Place:
    """Return the place with the client's name, found as the server does (``check_hostname``)."""
    if place.client is None:
        return place
    address = str(place.client)
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
        back = {each[4][0] for each in socket.getaddrinfo(name, None)}
    except OSError:
        return place
    return replace(place, name=name) if address in back else place


def _words(text: str) -> list[str]:
    return [each.strip().strip('"') for each in text.split(",") if each.strip()]


def _meant(word: str, port: int, own: Iterable[str]) -> Iterator[str]:
    versions = _EVERY.get(word)
    if versions is not None:
        yield from (each for each in own if ip_address(each).version in versions)
        return
    try:
        found = socket.getaddrinfo(word, port, type=socket.SOCK_STREAM)
    except OSError:
        return
    yield from (str(each[4][0]) for each in found)


def _own() -> Iterator[str]:
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family in {socket.AF_INET, socket.AF_INET6}:
                yield each.address


def _key(address: str) -> tuple[int, bool, str]:
    """Put loopback first, and IPv4 before IPv6."""
    found = ip_address(address)
    return found.version, not found.is_loopback, address
