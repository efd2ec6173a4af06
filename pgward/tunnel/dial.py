"""TCP connections to named addresses."""

import asyncio
import errno
import logging
import os
import socket
from typing import Any

from pgward.tunnel.tls import ready, tune

log = logging.getLogger("pgward.tunnel")

Resolved = list[tuple[socket.AddressFamily, tuple[Any, ...]]]

# An address that swallows packets must leave time for the next one.
ADDRESS_TIMEOUT = 3.0


async def resolve(host: str, port: int) -> Resolved:
    """Return the addresses of a host; raise OSError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # an empty or endless label
        raise OSError(f"{host!r} is no host name") from None
    return [(family, address) for family, _, _, _, address in found]


async def connect_first(addresses: Resolved) -> socket.socket:
    """Return a tuned, non-blocking connection to the first address that answers; raise OSError.

    The last address may take as long as the caller allows.
    """
    if not addresses:
        raise OSError("the name has no address")
    *others, last = addresses
    for family, address in others:
        try:
            async with asyncio.timeout(ADDRESS_TIMEOUT):
                return await _connect(family, address)
        except OSError as error:  # TimeoutError is one
            log.debug("%s does not answer: %s", address, error)
    return await _connect(*last)


async def _connect(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        tune(sock)
        code = sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            await ready(sock, read=False)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        _check(code)
    except BaseException:  # cancelled as well: nobody else has the socket yet
        sock.close()
        raise
    return sock


def _check(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))
