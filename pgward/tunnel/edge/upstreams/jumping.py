"""To PostgreSQL through an SSH server: one connection to each, with a channel for each session.

RFC 4254 section 7.2 ("direct-tcpip"). The bytes go through a socket pair, whose other end the relay
has as if it were PostgreSQL's own socket.
"""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from functools import partial
from types import ModuleType
from typing import Any

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.state_postgres import SshJump
from pgward.tunnel.edge.upstreams.errors import UpstreamError, unreachable, words

log = logging.getLogger("pgward.edge")

_LOGIN_SECONDS = 8
_ALIVE_SECONDS = 15  # asked so often whether it is there
_ALIVE_COUNT = 3
_CHUNK = 64 * 1024


class Jumps:
    """Connections to jump hosts, made when they are needed and kept while they hold."""

    def __init__(self) -> None:
        # One for each jump host; with another key (the secret was changed) comes another.
        self._kept: dict[tuple[SshJump, bytes], Any] = {}
        self._sessions: Counter[Any] = Counter()
        self._locks: dict[tuple[SshJump, bytes], asyncio.Lock] = {}
        self._pumps: set[asyncio.Task[None]] = set()

    async def dial(self, jump: SshJump, key: bytes, upstream: Address) -> socket.socket:
        """Return a non-blocking connection to an address, from there; raise UpstreamError."""
        asyncssh = _library()
        client = await self._client(jump, key)
        try:
            reader, writer = await client.open_connection(
                upstream.host, upstream.port, encoding=None
            )
        except asyncssh.ChannelOpenError as error:
            if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise UpstreamError(
                    f"the jump host {jump.address} lets nobody reach {upstream} through it",
                    hint="AllowTcpForwarding and PermitOpen in its sshd_config",
                ) from error
            raise unreachable(upstream, f"from {jump.address}: {error.reason}") from error
        except (asyncssh.Error, OSError) as error:
            self._kept.pop((jump, key), None)
            raise unreachable(
                upstream, f"the jump host {jump.address} is gone: {words(error)}"
            ) from error
        return await self._joined(client, reader, writer)

    async def close(self) -> None:
        """End all connections, and with them the sessions that go through them."""
        clients = {*self._kept.values(), *self._sessions}
        self._kept.clear()
        for client in clients:
            client.close()
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for client in clients:
            await client.wait_closed()

    async def _client(self, jump: SshJump, key: bytes) -> Any:
        """Return the connection to a jump host; those who come at once share one."""
        which = (jump, key)
        async with self._locks.setdefault(which, asyncio.Lock()):
            client = self._kept.get(which)
            if client is None or client.is_closed():
                client = await _connected(jump, key)
                former = [each for each in self._kept if each[0] == jump]
                for each in former:
                    self._leave(self._kept.pop(each))
                self._kept[which] = client
            return client

    def _leave(self, client: Any) -> None:
        """Close a connection that gets no new sessions, when its last one has ended."""
        if not self._sessions[client] and client not in self._kept.values():
            client.close()

    def _ended(self, client: Any, pump: asyncio.Task[None]) -> None:
        self._pumps.discard(pump)
        self._sessions[client] -= 1
        if not self._sessions[client]:
            del self._sessions[client]
            self._leave(client)

    async def _joined(self, client: Any, reader: Any, writer: Any) -> socket.socket:
        near, far = socket.socketpair()
        for end in (near, far):
            end.setblocking(False)
        mine, theirs = await asyncio.open_connection(sock=far)
        pump = asyncio.create_task(_carry(mine, theirs, reader, writer))
        self._pumps.add(pump)
        self._sessions[client] += 1
        pump.add_done_callback(partial(self._ended, client))
        return near


async def _connected(jump: SshJump, key: bytes) -> Any:
    asyncssh = _library()
    try:
        return await asyncssh.connect(
            jump.address.host,
            jump.address.port,
            username=jump.user,
            known_hosts=([asyncssh.import_public_key(jump.host_key)], [], []),
            client_keys=[asyncssh.import_private_key(key)],
            # Nothing of the account that the edge runs as: neither its keys nor its settings.
            config=[],
            agent_path=None,
            password_auth=False,
            kbdint_auth=False,
            gss_host=None,
            login_timeout=_LOGIN_SECONDS,
            connect_timeout=_LOGIN_SECONDS,
            keepalive_interval=_ALIVE_SECONDS,
            keepalive_count_max=_ALIVE_COUNT,
        )
    except asyncssh.KeyImportError as error:
        raise UpstreamError(
            f"the key for the jump host {jump.address} is no private key of SSH",
            hint="store it without a passphrase, in OpenSSH's or PEM form",
        ) from error
    except asyncssh.PermissionDenied as error:
        raise UpstreamError(
            f"the jump host {jump.address} does not let the edge in as {jump.user}",
            hint="put the public key into its authorized_keys",
        ) from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise UpstreamError(
            f"the jump host {jump.address} did not prove who it is",
            hint="its key is not the service's hostKey; do not go on without knowing why",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise UpstreamError(
            f"the edge cannot reach the jump host {jump.address}: {words(error)}"
        ) from error


async def _carry(
    mine: asyncio.StreamReader, theirs: asyncio.StreamWriter, reader: Any, writer: Any
) -> None:
    """Carry bytes both ways until both have ended, or one side is gone."""
    try:
        await asyncio.gather(_pump(mine, writer), _pump(reader, theirs))
    except (OSError, EOFError, _library().Error) as error:
        log.debug("a connection through a jump host ended: %s", error)
    finally:
        writer.close()
        theirs.close()


async def _pump(source: Any, sink: Any) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()


def _library() -> ModuleType:
    try:
        import asyncssh  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise PgwardError(
            "a jump host needs the package asyncssh", hint="pip install 'pgward[ssh]' on the edge"
        ) from error
    return asyncssh
