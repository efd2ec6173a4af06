"""Cancels what runs on a connection to PostgreSQL, by another one (manual, chapter 54.2.9)."""

import asyncio
import logging
from typing import Protocol

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire import startup
from pgward.tunnel.edge.state_postgres import Config
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream

log = logging.getLogger("pgward.edge")

CANCEL_SECONDS = 10.0


class Securing(Protocol):
    """Connects to a server, up to TLS."""

    async def secure(self, config: Config, address: Address, credentials: Credentials) -> Channel:
        """Return a connection; raise RefusedError, WireError, OSError."""
        ...


async def cancel(
    upstreams: Securing, config: Config, credentials: Credentials, upstream: Upstream
) -> None:
    """Ask the server of a connection to cancel its query; return when it has taken that.

    What goes wrong is logged: nobody waits for an answer to this.
    """
    pid, key = upstream.key
    if not key:
        log.info("%s gives no keys to cancel with", upstream.address)
        return
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            channel = await upstreams.secure(config, upstream.address, credentials)
            try:
                await channel.send(startup.cancel(pid, key))
                await channel.receive()  # the server ends it when it has signalled its process
            finally:
                channel.close()
    except TimeoutError:
        log.warning("%s does not take a cancel request in time", upstream.address)
    except (PgwardError, OSError) as error:
        log.warning("no cancel request reached %s: %s", upstream.address, error)
