"""TLS up to PostgreSQL for clients on a Unix socket, where libpq itself speaks none.

The tunnel speaks it in their place, with the login certificate, and checks the server as the
service's ``sslMode`` says (PostgreSQL manual, chapter 34.19). What carries a session to the
edge stays as it is: it gets the outer end of a socket pair, and meets a client there that
begins with an SSLRequest.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from pgward.client.identity import IdentityPaths
from pgward.client.services import ServiceInfo
from pgward.core.errors import PgwardError, UnavailableError
from pgward.pgwire.startup import REQUEST_SIZE, gssenc_request, ssl_request
from pgward.tunnel import pgerror
from pgward.tunnel.local.holding import HOLD_SECONDS
from pgward.tunnel.preface import Reason
from pgward.tunnel.relay import Relay
from pgward.tunnel.tls import TlsConnection, close_heard, handshake, ready

log = logging.getLogger("pgward.tunnel")

# The edge dials PostgreSQL within ten seconds, or says that it cannot; a person may be asked first.
HANDSHAKE_SECONDS = 30.0 + HOLD_SECONDS
_MESSAGE = 4096
_PLAIN_MODES = ("disable", "prefer")


def wanted(ssl_mode: str) -> bool:
    """Tell whether a session under this ``sslMode`` must have TLS up to PostgreSQL."""
    return ssl_mode not in _PLAIN_MODES


def inner_context(paths: IdentityPaths, ssl_mode: str) -> ssl.SSLContext:
    """Make the context of one session, with the certificate that is current now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # PostgreSQL 11 may know no other
    context.check_hostname = ssl_mode == "verify-full"
    if ssl_mode == "require":
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cafile=paths.ca)
    context.load_cert_chain(paths.cert, paths.key)
    return context


@dataclass(slots=True, eq=False)
class InnerTls:
    """Speaks TLS for the clients of one tunnel, until ``close``."""

    loop: asyncio.AbstractEventLoop
    service: Callable[[], ServiceInfo]
    paths: Callable[[], IdentityPaths]
    _beginning: set[asyncio.Task[None]] = field(default_factory=set)
    _live: set["_Session"] = field(default_factory=set)

    def outside(self, client: socket.socket) -> socket.socket:
        """Return the end that is carried to the edge; the client belongs to this from now on.

        Raises OSError when there are no descriptors left.
        """
        inside, outside = socket.socketpair()
        for end in (inside, outside):
            end.setblocking(False)
        task = self.loop.create_task(self._begin(client, inside))
        self._beginning.add(task)
        task.add_done_callback(partial(self._settled, client, inside))
        return outside

    @property
    def relays(self) -> Iterator[Relay]:
        """The sessions that are carried."""
        return (session.relay for session in self._live)

    def close(self) -> None:
        """End all sessions at once."""
        for task in tuple(self._beginning):
            task.cancel()
        for session in tuple(self._live):
            session.close()
            self._live.discard(session)

    async def _begin(self, client: socket.socket, inside: socket.socket) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                first = await _startup(client)
                tls = await self._secure(client, inside)
        except PgwardError as error:
            log.info("no TLS to PostgreSQL: %s", error.message)
            inside.close()
            await _refuse(client, pgerror.fatal(error.message, error.hint))
        except (TimeoutError, OSError) as error:
            log.debug("a session ended before it began: %s", error)
            inside.close()
            client.close()
        else:
            if tls is not None:
                self._carry(tls, client, first)

    def _settled(
        self, client: socket.socket, inside: socket.socket, task: asyncio.Task[None]
    ) -> None:
        self._beginning.discard(task)
        failure = None if task.cancelled() else task.exception()
        if task.cancelled() or failure is not None:  # it may not even have begun
            inside.close()
            client.close()
        if failure is not None:
            log.error("no TLS to PostgreSQL", exc_info=failure)

    def _carry(self, tls: TlsConnection, client: socket.socket, first: bytes) -> None:
        session = _Session(self.loop, tls, client, self._live.discard)
        self._live.add(session)
        session.relay.start(outgoing=first)

    async def _secure(self, client: socket.socket, inside: socket.socket) -> TlsConnection | None:
        """Have PostgreSQL begin TLS; None when the client got another answer instead."""
        service = self.service()
        inside.send(ssl_request())
        await ready(inside, read=True)
        # One byte and no more: what comes behind it must come under TLS.
        answer = inside.recv(1)
        if answer == b"S":
            return await _handshake(inside, service, self.paths())
        if answer == b"N":
            raise UnavailableError(
                f"PostgreSQL speaks no TLS, and {service.name} wants it (sslMode)",
                hint="ask whoever runs the service",
            )
        # An error of the tunnel, the edge or PostgreSQL; and then the end.
        while answer and (more := await _next(inside)):
            answer += more
        inside.close()
        await _refuse(client, answer)
        return None


class _Session:
    """One client's bytes under TLS."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: TlsConnection,
        client: socket.socket,
        ended: Callable[["_Session"], None],
    ) -> None:
        self._tls = tls
        self._client = client
        self._ended = ended
        self.relay = Relay(loop, tls, client, None, self._on_end)

    def close(self) -> None:
        """End it at once."""
        self.relay.stop()
        self._tls.close()
        self._client.close()

    def _on_end(self, _clean: bool, _reason: Reason | None) -> None:
        self.close()
        self._ended(self)


async def _startup(client: socket.socket) -> bytes:
    """Decline TLS and GSSAPI; return what the client says then (chapter 55.2.11)."""
    said = b""
    while True:
        while len(said) < REQUEST_SIZE:
            more = await _next(client)
            if not more:
                raise ConnectionResetError("the client left before it said what it wants")
            said += more
        if said[:REQUEST_SIZE] not in (ssl_request(), gssenc_request()):
            return said
        client.send(b"N")
        said = said[REQUEST_SIZE:]


async def _handshake(
    inside: socket.socket, service: ServiceInfo, paths: IdentityPaths
) -> TlsConnection:
    try:
        context = inner_context(paths, service.ssl_mode)
        return await handshake(inside, context, server_hostname=service.server_name)
    except ssl.SSLCertVerificationError as error:
        raise UnavailableError(
            f"PostgreSQL did not prove that it is {service.server_name}: {error.verify_message}",
            hint="tell whoever runs the service; do not go on without knowing why",
        ) from error
    except ssl.SSLError as error:
        raise UnavailableError(
            f"no TLS with PostgreSQL: {error.reason or error}",
            hint="ask whoever runs the service, or see PostgreSQL's log",
        ) from error


async def _next(sock: socket.socket) -> bytes:
    await ready(sock, read=True)
    return sock.recv(_MESSAGE)


async def _refuse(client: socket.socket, answer: bytes) -> None:
    try:
        client.send(answer)
    except OSError as error:
        log.debug("the client left before it heard why: %s", error)
    await close_heard(client)
