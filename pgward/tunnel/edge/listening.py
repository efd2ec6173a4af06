"""Sockets that an edge listens on, and the addresses of those who come.

``[::]`` is every address of the machine, IPv4 as well, as most servers have it: whatever the
system's own default is (ipv6(7), IPV6_V6ONLY).
"""

import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from ipaddress import IPv6Address
from typing import Any

from pgward.core.address import Address
from pgward.core.errors import ConflictError
from pgward.system.process import port_holder

BACKLOG = 4096
_MAPPED = "::ffff:"


def bind(
    address: Address, *, shared: bool = False, only_v6: bool = False, option: str = "--listen"
) -> socket.socket:
    """Return a listening socket; ``shared`` lets several processes bind the same port.

    ``only_v6`` leaves IPv4 to another one. Raises ConflictError.
    """
    sock = _bound(address, shared=shared, only_v6=only_v6, option=option)
    sock.listen(BACKLOG)
    return sock


def bind_all(addresses: Sequence[Address], *, shared: bool = False) -> list[socket.socket]:
    """Return a listening socket for each; raise ConflictError, with none left open."""
    with ExitStack() as opened:
        found = [
            opened.enter_context(bind(each, shared=shared, only_v6=_leaves_v4(each, addresses)))
            for each in addresses
        ]
        opened.pop_all()
    return found


def reserve_all(addresses: Sequence[Address]) -> list[socket.socket]:
    """Return sockets that hold addresses for ``shared`` listeners, and take no connections."""
    with ExitStack() as opened:
        for each in addresses:
            if each.port:  # SO_REUSEPORT would share it with another edge, too
                bind(each, only_v6=_leaves_v4(each, addresses)).close()
        held = [
            opened.enter_context(
                _bound(each, shared=True, only_v6=_leaves_v4(each, addresses), option="--listen")
            )
            for each in addresses
        ]
        opened.pop_all()
    return held


def address_of(name: tuple[Any, ...]) -> Address:
    """Return a socket's address; somebody who came to ``[::]`` by IPv4 has that one."""
    host, port = str(name[0]), int(name[1])
    if host.startswith(_MAPPED) and (mapped := IPv6Address(host).ipv4_mapped) is not None:
        host = str(mapped)
    return Address(host, port)


def _leaves_v4(address: Address, others: Iterable[Address]) -> bool:
    """Tell whether IPv4 addresses of the same port are listened on by themselves."""
    return any(":" not in each.host and each.port == address.port for each in others)


def _bound(address: Address, *, shared: bool, only_v6: bool, option: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot_listen(address, error, option) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            alone = only_v6 or address.host.strip("0:") != ""
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(alone))
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        raise _cannot_listen(address, error, option) from error
    return sock


def _cannot_listen(address: Address, error: OSError, option: str) -> ConflictError:
    holder = port_holder(address.port) if address.port else None
    held = f", held by {holder}" if holder else ""
    reason = (error.strerror or str(error)).lower()
    return ConflictError(
        f"cannot listen on {address}: {reason}{held}",
        hint=f"choose another address with {option}",
    )
