"""Connections to PostgreSQL: names are resolved beforehand, so that a dial waits for TCP only."""

import asyncio
import socket
import time

from pgward.core.address import Address
from pgward.tunnel.dial import Resolved, connect_first, resolve
from pgward.tunnel.preface import Reason, RefusedError

CONNECT_TIMEOUT = 10.0
RESOLVE_AGAIN_AFTER = 30.0


class Dialer:
    """Opens tuned, non-blocking TCP connections; remembers addresses for half a minute."""

    def __init__(self) -> None:
        self._known: dict[Address, tuple[float, Resolved]] = {}

    async def dial(self, upstream: Address) -> socket.socket:
        """Connect to the first address that answers; raise RefusedError when none does."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await connect_first(await self._resolve(upstream))
        except TimeoutError:
            self._known.pop(upstream, None)
            raise _unreachable(upstream, "it does not answer") from None
        except OSError as error:
            # The name may lead elsewhere now: after a failover it does.
            self._known.pop(upstream, None)
            raise _unreachable(upstream, error.strerror or str(error)) from error

    async def _resolve(self, upstream: Address) -> Resolved:
        known = self._known.get(upstream)
        if known and known[0] > time.monotonic():
            return known[1]
        resolved = await resolve(upstream.host, upstream.port)
        self._known[upstream] = (time.monotonic() + RESOLVE_AGAIN_AFTER, resolved)
        return resolved


def _unreachable(upstream: Address, why: str) -> RefusedError:
    return RefusedError(
        Reason.UNREACHABLE, f"the edge cannot reach the database at {upstream}: {why}"
    )
