import asyncio
import socket

import pytest

from pgward.tunnel import dial
from pgward.tunnel.dial import connect_first, resolve


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def nobody():
    """An address at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield socket.AF_INET, held.getsockname()


@pytest.fixture
def silent():
    """An address that answers nothing: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        crowd = []
        for _ in range(4):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
            crowd.append(each)
        yield socket.AF_INET, listener.getsockname()
        for each in crowd:
            each.close()


def at(server):
    return socket.AF_INET, server.getsockname()


def test_a_connection_is_tuned(run, server):
    async def main() -> None:
        sock = await connect_first([at(server)])
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.close()

    run(main())


def test_the_second_address_is_tried(run, server, nobody):
    async def main() -> None:
        sock = await connect_first([nobody, at(server)])
        assert sock.getpeername() == server.getsockname()
        sock.close()

    run(main())


def test_an_address_that_swallows_packets_leaves_time(run, server, silent, monkeypatch):
    monkeypatch.setattr(dial, "ADDRESS_TIMEOUT", 0.05)

    async def main() -> None:
        async with asyncio.timeout(5):
            sock = await connect_first([silent, at(server)])
        assert sock.getpeername() == server.getsockname()
        sock.close()

    run(main())


def test_the_last_address_says_why(run, nobody):
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await connect_first([nobody, nobody])

    run(main())


def test_the_last_address_may_take_what_the_caller_allows(run, silent, monkeypatch):
    monkeypatch.setattr(dial, "ADDRESS_TIMEOUT", 0.01)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connect_first([silent])

    run(main())


def test_no_address_at_all(run):
    async def main() -> None:
        with pytest.raises(OSError, match="no address"):
            await connect_first([])

    run(main())


def test_localhost_has_an_address(run):
    async def main() -> None:
        assert (socket.AF_INET, ("127.0.0.1", 5432)) in await resolve("localhost", 5432)
        family, address = (await resolve("::1", 5432))[0]
        assert (family, address[:2]) == (socket.AF_INET6, ("::1", 5432))

    run(main())


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".test", "no-such-name.invalid"])
def test_a_name_without_an_address(run, name):
    async def main() -> None:
        with pytest.raises(OSError, match=r".+"):
            await resolve(name, 5432)

    run(main())
