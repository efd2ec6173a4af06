"""A connection to PostgreSQL that is logged in: the right server, TLS, the login."""

import asyncio
import random
import socket
import ssl
import time
from collections.abc import Callable, MutableSequence
from dataclasses import replace

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire.errors import NotAdmittedError, VersionRefusedError
from pgward.pgwire.login_out import LoginOut
from pgward.tunnel.edge.landing import Landing
from pgward.tunnel.edge.state_postgres import Config, SslMode, TargetSessionAttrs
from pgward.tunnel.edge.upstreams import attributes, speaking
from pgward.tunnel.edge.upstreams.attributes import Memory
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.contexts import Contexts
from pgward.tunnel.edge.upstreams.errors import (
    UpstreamError,
    WrongServerError,
    explained,
    none_will_do,
    unreachable,
)
from pgward.tunnel.edge.upstreams.values import Credentials, Dialing, Jumping, Request, Upstream
from pgward.tunnel.tls import handshake

SERVER_TIMEOUT = 10.0
"""Seconds that one server may take for all of it."""
WHOLE_TIMEOUT = 25.0
OLD_PROTOCOL_SECONDS = 3600.0
"""How long it is remembered that a server, or a pooler before it, refused protocol 3.2."""


class Upstreams:
    """Opens connections; remembers what servers were like a moment ago.

    ``roots`` gives the PEM of whom to trust where a service says nothing else.
    """

    def __init__(
        self,
        dialer: Dialing,
        jumps: Jumping,
        *,
        roots: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
        shuffle: Callable[[MutableSequence[Address]], None] = random.shuffle,
    ) -> None:
        self._dialer = dialer
        self._jumps = jumps
        self._roots = roots
        self._clock = clock
        self._shuffle = shuffle
        self._contexts = Contexts()
        self._memory = Memory()
        self._old: dict[Address, float] = {}

    async def open(
        self, config: Config, landing: Landing, credentials: Credentials, minor: int = 0
    ) -> Upstream:
        """Return a connection to the first server that is right; raise UpstreamError.

        ``minor`` is the protocol's minor version that the client asks for, 0 or 2.
        """
        request = Request(config, landing, credentials, minor)
        problems: list[UpstreamError] = []
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT):
                for wanted in attributes.passes(config.target_session_attrs):
                    found = await self._first(request, wanted, problems)
                    if found is not None:
                        return found
        except TimeoutError:
            problems.append(UpstreamError("the time is up before all servers were asked"))
        raise none_will_do(problems)

    async def secure(self, config: Config, address: Address, credentials: Credentials) -> Channel:
        """Return a connection on which nothing has been said yet but what TLS needs.

        Raises RefusedError, WireError, ssl.SSLError, OSError.
        """
        try:
            return await self._secured(config, address, credentials, config.ssl_mode)
        except ssl.SSLError:
            if config.ssl_mode != "prefer":
                raise
        return await self._secured(config, address, credentials, "disable")

    async def _first(
        self, request: Request, wanted: TargetSessionAttrs, problems: list[UpstreamError]
    ) -> Upstream | None:
        addresses = list(request.config.upstreams)
        if request.config.load_balance:
            self._shuffle(addresses)
        for address in self._memory.order(addresses, wanted, self._clock()):
            try:
                found = await self._try(request, address, wanted)
            except WrongServerError as error:
                self._memory.was_wrong(address, wanted, self._clock())
                problems.append(error)
            except UpstreamError as error:
                if error.is_final:
                    raise
                self._memory.failed(address, self._clock())
                problems.append(error)
            else:
                self._memory.was_right(address, wanted)
                return found
        return None

    async def _try(
        self, request: Request, address: Address, wanted: TargetSessionAttrs
    ) -> Upstream:
        name = request.config.server_name or address.host
        try:
            async with asyncio.timeout(SERVER_TIMEOUT):
                return await self._negotiated(request, address, wanted)
        except TimeoutError:
            raise unreachable(address, "it does not answer") from None
        except (PgwardError, OSError) as error:  # ssl.SSLError is one
            raise explained(error, address, user=request.landing.user, server_name=name) from error

    async def _negotiated(
        self, request: Request, address: Address, wanted: TargetSessionAttrs
    ) -> Upstream:
        """Log in, with the older protocol where the newer one is refused."""
        if self._old.get(address, 0.0) > self._clock():
            return await self._at(request, address, wanted, 0)
        try:
            return await self._at(request, address, wanted, request.minor)
        except VersionRefusedError:
            found = await self._at(request, address, wanted, 0)
        self._old[address] = self._clock() + OLD_PROTOCOL_SECONDS
        return found

    async def _at(
        self, request: Request, address: Address, wanted: TargetSessionAttrs, minor: int
    ) -> Upstream:
        channel = await self.secure(request.config, address, request.credentials)
        try:
            login = await speaking.log_in(
                channel,
                request.landing.startup,
                request.credentials.password,
                minor,
                request.config.demands,
            )
            await _check(channel, address, login, wanted)
        except NotAdmittedError as error:
            channel.close()
            if channel.tls is None or request.config.ssl_mode != "prefer":
                raise
            return await self._without_tls(request, address, wanted, minor, error)
        except BaseException:  # cancelled as well: nobody else has it yet
            channel.close()
            raise
        return _upstream(channel, address, login)

    async def _without_tls(
        self,
        request: Request,
        address: Address,
        wanted: TargetSessionAttrs,
        minor: int,
        error: NotAdmittedError,
    ) -> Upstream:
        """Try again as libpq does: pg_hba.conf may let the edge in without TLS only."""
        plain = replace(request, config=replace(request.config, ssl_mode="disable"))
        try:
            return await self._at(plain, address, wanted, minor)
        except NotAdmittedError:
            raise error from None

    async def _secured(
        self, config: Config, address: Address, credentials: Credentials, mode: SslMode
    ) -> Channel:
        sock = await self._dial(config, address, credentials)
        try:
            if not await speaking.wants_tls(Channel(sock), mode):
                return Channel(sock)
            roots = config.ssl_root_cert or self._roots()
            context = await self._contexts.get(mode, roots, credentials.certificate)
        except BaseException:  # cancelled as well: nobody else has the socket yet
            sock.close()
            raise
        name = config.server_name or address.host
        return Channel(await handshake(sock, context, server_hostname=name))

    async def _dial(
        self, config: Config, address: Address, credentials: Credentials
    ) -> socket.socket:
        if config.jump is None:
            return await self._dialer.dial(address)
        if credentials.jump_key is None:
            raise UpstreamError(
                f"the edge has no key for the jump host {config.jump.address}", address=address
            )
        return await self._jumps.dial(config.jump, credentials.jump_key, address)


async def _check(
    channel: Channel, address: Address, login: LoginOut, wanted: TargetSessionAttrs
) -> None:
    asked = attributes.question(wanted, login.parameters)
    answer = None if asked is None else await speaking.ask(channel, asked)
    problem = attributes.wrong(wanted, login.parameters, answer)
    if problem is not None:
        raise WrongServerError(f"the database at {address} is not it: {problem}", address=address)


def _upstream(channel: Channel, address: Address, login: LoginOut) -> Upstream:
    return Upstream(
        connection=channel.connection,
        address=address,
        parameters=login.parameters,
        key=login.key,
        minor=login.minor,
        method=login.method,
        notices=tuple(login.notices),
        rest=login.rest,
        unrecognised=login.unrecognised,
    )
