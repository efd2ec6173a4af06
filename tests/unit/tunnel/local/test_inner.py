"""TLS on behalf of a client: a server of our own at the outer end of the pair."""

import asyncio
import socket
import ssl
import struct

import pytest

from pgward.client.identity import IdentityPaths
from pgward.client.services import ServiceInfo
from pgward.pgwire.startup import gssenc_request, ssl_request
from pgward.tunnel import pgerror
from pgward.tunnel.local.inner import InnerTls, wanted
from pgward.tunnel.tls import handshake
from tests.fixtures.links import EDGE_NAME, receive, unix_pair

STARTUP = struct.pack("!II", 16, 196608) + b"user\0me\0"


def service(mode: str = "verify-full", name: str = EDGE_NAME) -> ServiceInfo:
    return ServiceInfo("shop", "", "tcp", name, None, mode, ())


@pytest.fixture
def paths(tls_keys) -> IdentityPaths:
    return IdentityPaths(*tls_keys.issue(tls_keys.users, "alice"), tls_keys.server_roots)


class Scene:
    """A client, and the end that a tunnel would carry to PostgreSQL."""

    def __init__(self, paths: IdentityPaths, target: ServiceInfo) -> None:
        loop = asyncio.get_running_loop()
        self.inner = InnerTls(loop, lambda: target, lambda: paths)
        theirs, self.client = unix_pair()
        self.outside = self.inner.outside(theirs)

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.client, data)

    async def hear(self, sock: socket.socket, size: int) -> bytes:
        return await asyncio.get_running_loop().sock_recv(sock, size)

    async def rest(self) -> bytes:
        return await receive(self.client)

    async def answer(self, data: bytes) -> None:
        """Answer the SSLRequest that the tunnel makes."""
        assert await self.hear(self.outside, 8) == ssl_request()
        await asyncio.get_running_loop().sock_sendall(self.outside, data)

    def close(self) -> None:
        self.client.close()
        self.outside.close()
        self.inner.close()


@pytest.mark.parametrize("asked", [b"", ssl_request(), gssenc_request()])
@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_the_server_meets_a_client_with_a_certificate(run, paths, contexts, asked, mode):
    async def main() -> None:
        scene = Scene(paths, service(mode))
        if asked:
            await scene.say(asked)
            assert await scene.hear(scene.client, 1) == b"N"
        await scene.say(STARTUP)
        await scene.answer(b"S")
        server = await handshake(scene.outside, contexts[0], server_side=True)
        assert ("commonName", "alice") in sum(server.socket.getpeercert()["subject"], ())
        buffer = bytearray(100)
        assert buffer[: await read(server, buffer)] == STARTUP
        server.write(b"welcome")
        assert await scene.hear(scene.client, 100) == b"welcome"
        scene.client.close()
        assert await read(server, buffer) == 0
        server.close()
        scene.close()

    run(main())


@pytest.mark.parametrize("mode", ["verify-ca", "require"])
def test_only_verify_full_checks_the_name(run, paths, contexts, mode):
    async def main() -> None:
        scene = Scene(paths, service(mode, "other.test"))
        await scene.say(STARTUP)
        await scene.answer(b"S")
        server = await handshake(scene.outside, contexts[0], server_side=True)
        assert await read(server, bytearray(100)) == len(STARTUP)
        server.close()
        scene.close()

    run(main())


def test_a_server_of_another_name_hears_nothing(run, paths, contexts):
    async def main() -> None:
        scene = Scene(paths, service("verify-full", "other.test"))
        await scene.say(STARTUP)
        await scene.answer(b"S")
        with pytest.raises(ssl.SSLError, match=r"(?i)alert bad certificate"):
            await handshake(scene.outside, contexts[0], server_side=True)
        assert b"PostgreSQL did not prove that it is other.test" in await scene.rest()
        scene.close()

    run(main())


@pytest.mark.parametrize("answer", [pgerror.fatal("your account is blocked"), b"E", b""])
def test_another_answer_is_the_clients(run, paths, answer):
    async def main() -> None:
        scene = Scene(paths, service())
        await scene.say(STARTUP)
        await scene.answer(answer)
        scene.outside.close()
        assert await scene.rest() == answer
        scene.close()

    run(main())


def test_a_server_without_tls(run, paths):
    async def main() -> None:
        scene = Scene(paths, service())
        await scene.say(STARTUP)
        await scene.answer(b"N")
        assert b"PostgreSQL speaks no TLS, and shop wants it" in await scene.rest()
        scene.close()

    run(main())


@pytest.mark.parametrize("said", [b"", STARTUP[:5], STARTUP])
def test_a_client_that_leaves_ends_it_all(run, paths, said):
    async def main() -> None:
        scene = Scene(paths, service())
        if said:
            await scene.say(said)
        scene.client.close()
        heard = await receive(scene.outside) if said != STARTUP else b""
        assert heard == b""
        scene.close()

    run(main())


def test_closing_ends_what_begins_and_what_runs(run, paths, contexts):
    async def main() -> None:
        running, beginning = Scene(paths, service()), Scene(paths, service())
        await running.say(STARTUP)
        await running.answer(b"S")
        server = await handshake(running.outside, contexts[0], server_side=True)
        await read(server, bytearray(100))
        assert len(list(running.inner.relays)) == 1
        for scene in (running, beginning):
            scene.inner.close()
            assert await scene.rest() == b""
        server.close()
        for scene in (running, beginning):
            scene.close()

    run(main())


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        *((mode, True) for mode in ("verify-full", "verify-ca", "require")),
        *((mode, False) for mode in ("prefer", "disable")),
    ],
)
def test_which_modes_want_it(mode, expected):
    assert wanted(mode) is expected


async def read(tls, buffer) -> int:
    """Read once; 0 at any end."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return tls.read_into(len(buffer), buffer)
        except ssl.SSLWantReadError:
            readable = loop.create_future()
            loop.add_reader(tls.fileno(), readable.set_result, None)
            await readable
            loop.remove_reader(tls.fileno())
        except ssl.SSLZeroReturnError:
            return 0
