"""TCP connections to named addresses."""

import asyncio
import socket
from collections.abc import Iterable

from pgward.tunnel.tls import tune

Resolved = list[tuple[socket.AddressFamily, tuple[str, int]]]


async def resolve(host: str, port: int) -> Resolved:
    """Return the addresses of a host; raise OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, (str(address[0]), port)) for family, _, _, _, address in found]


async def connect_first(
    addresses: Iterable[tuple[socket.AddressFamily, tuple[str, int]]],
) -> socket.socket:
    """Return a tuned, non-blocking connection to the first address that answers; raise OSError."""
    failure = OSError("the name has no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            tune(sock)
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            failure = error
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure
