import asyncio
import os
import resource
import signal
import socket

import pytest

from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.http import listener
from pgward.core.address import Address
from pgward.core.errors import ConflictError, PgwardError, UnavailableError


def test_port_zero_becomes_a_real_one():
    with listener.bind(Address("127.0.0.1", 0)) as listening:
        address = listener.bound_address(listening)
        assert address.port > 0
        socket.create_connection(("127.0.0.1", address.port)).close()


def test_ipv6_is_written_with_brackets():
    with listener.bind(Address("::1", 0)) as listening:
        assert str(listener.bound_address(listening)).startswith("[::1]:")


def test_both_families_are_served_by_the_ipv6_wildcard():
    with listener.bind(Address("::", 0)) as listening:
        port = listener.bound_address(listening).port
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


def test_a_taken_port_names_its_holder():
    with listener.bind(Address("127.0.0.1", 0)) as taken:
        address = listener.bound_address(taken)
        with pytest.raises(ConflictError, match=rf"is taken by .*pid {os.getpid()}\)"):
            listener.bind(address)


@pytest.mark.parametrize(
    ("host", "message"),
    [("192.0.2.1", "cannot listen on 192.0.2.1:0"), ("x.invalid", "no address of this machine")],
)
def test_addresses_of_others_are_told(host, message):
    with pytest.raises(UnavailableError, match=message):
        listener.bind(Address(host, 0))


def test_the_file_limit_is_raised():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        listener.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("descriptors", "waiting"), [(1_000, 500), (1_000_000, 2_000)])
def test_who_waits_gets_half_of_the_descriptors_at_most(descriptors, waiting, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (descriptors, descriptors))
    assert listener.most_waiting() == waiting


async def answer(scope, receive, send):
    """An ASGI application with a lifespan that says nothing."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def lifespan(receive, send):
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


async def broken(_scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


@pytest.fixture
def tls(authority):

    return ApiCertificate(authority).context


def serve(app, tls, then):
    """Run a server, do ``then`` while it serves, and return what that returned."""

    async def both():
        with listener.bind(Address("127.0.0.1", 0)) as listening:
            port = listener.bound_address(listening).port
            server = listener.HttpsServer(app, listening, tls)
            running = asyncio.create_task(server.run_until_stopped())
            ready = asyncio.create_task(server.ready.wait())
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
            try:
                return await then(server, port)
            finally:
                ready.cancel()
                server.stop()
                await running

    return asyncio.run(both())


async def _nothing(_server, _port):
    return None


def test_a_service_that_does_not_start_is_told(tls):
    with pytest.raises(PgwardError, match="did not start"):
        serve(broken, tls, _nothing)


def test_a_signal_stops_it(tls):
    async def signalled(server, _port):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            while not server.should_exit:  # noqa: ASYNC110 - the handler sets a flag of uvicorn's
                await asyncio.sleep(0)
        return server.should_exit

    assert serve(answer, tls, signalled)


def test_the_end_is_announced_to_open_requests(tls):
    told = []

    async def both():
        with listener.bind(Address("127.0.0.1", 0)) as listening:
            server = listener.HttpsServer(answer, listening, tls, on_stop=lambda: told.append(1))
            running = asyncio.create_task(server.run_until_stopped())
            await server.ready.wait()
            server.stop()
            await running

    asyncio.run(both())
    assert told == [1]
