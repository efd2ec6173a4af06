import asyncio
import socket

import pytest

from pgward.core.address import Address
from pgward.tunnel.edge import upstream
from pgward.tunnel.edge.upstream import Dialer
from pgward.tunnel.preface import Reason, RefusedError


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def asked(monkeypatch):
    """Count the names that are looked up; all lead to this machine."""
    names = []

    async def resolve(host, port):
        names.append(host)
        await asyncio.sleep(0)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr(upstream, "resolve", resolve)
    return names


def target(listener, host="db.internal") -> Address:
    return Address(host, listener.getsockname()[1])


def dial(dialer, address) -> None:
    async def main() -> None:
        (await dialer.dial(address)).close()

    asyncio.run(main())


def test_a_connection_is_tuned_and_reaches_the_database(listener):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        sock = await Dialer().dial(target(listener, "127.0.0.1"))
        database, _ = listener.accept()
        with sock, database:
            assert not sock.getblocking()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            await loop.sock_sendall(sock, b"hello")
            assert database.recv(10) == b"hello"

    asyncio.run(main())


def test_an_address_is_remembered_for_half_a_minute(listener, asked, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(upstream, "time", type("Time", (), {"monotonic": lambda: clock[0]}))
    dialer = Dialer()
    dial(dialer, target(listener))
    clock[0] += upstream.RESOLVE_AGAIN_AFTER - 1
    dial(dialer, target(listener))
    assert asked == ["db.internal"]
    clock[0] += 1
    dial(dialer, target(listener))
    assert asked == ["db.internal"] * 2


def test_each_upstream_has_addresses_of_its_own(listener, asked):
    dialer = Dialer()
    dial(dialer, target(listener, "a"))
    dial(dialer, target(listener, "b"))
    assert asked == ["a", "b"]


def test_a_refused_connection_says_why_and_forgets_the_address(listener, asked):
    dialer = Dialer()
    address = target(listener)
    dial(dialer, address)
    listener.close()
    with pytest.raises(RefusedError) as caught:
        dial(dialer, address)
    assert caught.value.reason == Reason.UNREACHABLE
    assert caught.value.message == (
        f"the edge cannot reach the database at {address}: Connection refused"
    )
    with socket.create_server(("127.0.0.1", address.port)):
        dial(dialer, address)
    assert asked == ["db.internal"] * 2


def test_a_silent_database_is_given_up(asked, monkeypatch):
    async def swallow(_addresses):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(upstream, "connect_first", swallow)
    monkeypatch.setattr(upstream, "CONNECT_TIMEOUT", 0.01)
    dialer = Dialer()
    for _ in range(2):
        with pytest.raises(RefusedError, match="at db:5432: it does not answer") as caught:
            dial(dialer, Address("db", 5432))
        assert caught.value.reason == Reason.UNREACHABLE
    assert asked == ["db", "db"]


@pytest.mark.parametrize("host", ["x..y", "no-such-host.invalid"])
def test_a_name_that_leads_nowhere_is_unreachable(host):
    with pytest.raises(RefusedError) as caught:
        dial(Dialer(), Address(host, 5432))
    assert caught.value.reason == Reason.UNREACHABLE
    assert caught.value.message.startswith(f"the edge cannot reach the database at {host}:5432: ")
