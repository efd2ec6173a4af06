"""Cancels what runs on a connection to PostgreSQL, by another one (manual, chapter 54.2.9)."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire import startup
from pgward.tunnel.edge.state_postgres import Config
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from pgward.tunnel.tls import TlsConnection

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
    config, address = _there(config, upstream)
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            for each in _attempts(credentials):
                problem = await _problem(upstreams, config, address, each, startup.cancel(pid, key))
                if problem is None:
                    return
                log.warning("no cancel request reached %s: %s", upstream.address, problem)
    except TimeoutError:
        log.warning("%s does not take a cancel request in time", upstream.address)


async def _problem(
    upstreams: Securing, config: Config, address: Address, credentials: Credentials, request: bytes
) -> PgwardError | OSError | None:
    """Send the request; return what went wrong, if anything did."""
    try:
        channel = await upstreams.secure(config, address, credentials)
        try:
            await channel.send(request)
            await channel.receive()  # the server ends it when it has signalled its process
        finally:
            channel.close()
    except (PgwardError, OSError) as error:
        return error
    return None


def _there(config: Config, upstream: Upstream) -> tuple[Config, Address]:
    """Return where the connection really is: its name may lead to another server by now."""
    connection = upstream.connection
    sock = connection.socket if isinstance(connection, TlsConnection) else connection
    if config.jump is not None or sock.family == socket.AF_UNIX or sock.fileno() == -1:
        return config, upstream.address
    try:
        address = _address(sock.getpeername())
    except OSError:
        return config, upstream.address
    # The certificate is that of the name all the same.
    name = config.server_name or upstream.address.host
    return replace(config, server_name=name), address


def _address(found: tuple[Any, ...]) -> Address:
    """Return what leads to where a socket is connected: of IPv6, the scope may belong to it."""
    host, port, *more = found
    scope = more[1] if more else 0
    return Address(f"{host}%{scope}" if scope else host, port)


def _attempts(credentials: Credentials) -> Iterator[Credentials]:
    """Yield what to show: nothing, as that is enough for PostgreSQL, and then a certificate.

    A minted one has expired minutes after the session began, and would be refused.
    """
    yield replace(credentials, certificate=None)
    if credentials.certificate is not None:
        yield credentials
