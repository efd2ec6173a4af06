"""Bytes that are nothing, on every port: others are served, nothing is left, nobody dies."""

import contextlib
import os
import socket
import ssl

import psutil
import pytest

from pgward.pgwire.startup import ssl_request
from tests.fixtures.edge_process import eventually

pytestmark = pytest.mark.integration
TIMEOUT = 1.0
RECORD_HEADER = b"\x16\x03\x01\x02\x00"
GARBAGE = {
    "plain text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "random bytes": os.urandom(4096),
    "zeros": bytes(64),
    "an endless record": RECORD_HEADER + os.urandom(600),
    "a huge startup": b"\xff\xff\xff\xff" * 16,
    "a broken SSLRequest": ssl_request()[:7] + b"\0",
    "SSLRequests without end": ssl_request() * 1000,
    "one byte": b"\x16",
    "nothing": b"",
}


def client_hello() -> bytes:
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="x.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def edge(stack):
    return stack.new_edge("--handshake-timeout", TIMEOUT, "--log-level", "debug")


@pytest.fixture(scope="module")
def tunnel(stack, person, edge):
    service = stack.service(person, edges=(edge,), sslMode="disable")
    with stack.tunnel(person, service) as made:
        yield made


def hears_the_end(client: socket.socket) -> bool:
    """Read until the server closes; whatever it says before is fine."""
    client.settimeout(15)
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_at_the_edge(edge, tunnel, what):
    before = edge.fds()
    with tunnel.connect() as session:
        clients = [socket.create_connection(edge.address, 20) for _ in range(20)]
        for client in clients:
            with contextlib.suppress(ConnectionError):
                client.sendall(GARBAGE[what])
        assert session.execute("select 1").fetchone() == (1,)
        assert tunnel.psql("select 2") == "2"
        for client in clients:
            with client:
                assert hears_the_end(client)
    assert edge.process.poll() is None
    eventually(lambda: edge.fds() <= before + 2, what="the edge leaks descriptors")


@pytest.mark.parametrize("size", [1, 5, 100, -1])
def test_a_part_of_a_client_hello(edge, tunnel, size):
    before = edge.fds()
    clients = [socket.create_connection(edge.address, 20) for _ in range(20)]
    for client in clients:
        client.sendall(client_hello()[:size])
    assert tunnel.psql("select 1") == "1"
    assert [hears_the_end(client) for client in clients] == [True] * 20
    for client in clients:
        client.close()
    eventually(lambda: edge.fds() <= before + 2, what="the edge leaks descriptors")


def test_a_client_hello_byte_by_byte_is_no_way_to_hold_a_connection(edge, tunnel):
    with socket.create_connection(edge.address, 20) as client:
        client.settimeout(0.1)
        ended = False
        for byte in client_hello():
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.sendall(bytes([byte]))
                ended = client.recv(100) == b""
            if ended:
                break
        else:
            ended = hears_the_end(client)
    assert ended
    assert tunnel.psql("select 1") == "1"


def test_clients_that_leave_at_any_point(edge, tunnel):
    before = edge.fds()
    hello = client_hello()
    for size in (0, 1, 3, 8, 50, len(hello)):
        with socket.create_connection(edge.address, 20) as client:
            client.sendall(hello[:size])
    with socket.create_connection(edge.address, 20) as client:
        client.sendall(ssl_request() + hello)
    assert tunnel.psql("select 1") == "1"
    eventually(lambda: edge.fds() <= before + 2, what="the edge leaks descriptors")


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_at_the_tunnels_port(edge, tunnel, what):
    """It goes to PostgreSQL, which answers or closes; the tunnel only carries it."""
    before = tunnel.fds(), edge.fds()
    clients = [socket.create_connection(("127.0.0.1", tunnel.port), 20) for _ in range(20)]
    for client in clients:
        with contextlib.suppress(ConnectionError):
            client.sendall(GARBAGE[what])
    assert tunnel.psql("select 1") == "1"
    for client in clients:
        client.close()
    assert tunnel.process.poll() is None
    eventually(lambda: tunnel.fds() <= before[0] + 24, what="the tunnel leaks descriptors")
    eventually(lambda: edge.fds() <= before[1] + 24, what="the edge leaks descriptors")
    assert tunnel.psql("select 1") == "1"


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_at_the_ca(stack, what):
    address = ("127.0.0.1", stack.site.ca.port)
    ca = psutil.Process(stack.site.ca.process.pid)
    before = ca.num_fds()
    clients = [socket.create_connection(address, 20) for _ in range(20)]
    for client in clients:
        with contextlib.suppress(ConnectionError):
            client.sendall(GARBAGE[what])
    assert stack.site.api.get("/v1/health") == {"status": "ok"}
    for client in clients:
        client.close()
    assert stack.site.ca.process.poll() is None
    eventually(lambda: ca.num_fds() <= before + 4, what="the CA leaks descriptors")


def test_more_connections_than_the_edge_takes(stack, person):
    """Of those who say nothing the oldest go at once; others get in, and go on."""
    edge = stack.new_edge("--max-connections", 20, "--handshake-timeout", 60)
    service = stack.service(person, edges=(edge,), sslMode="disable")
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        silent = [socket.create_connection(edge.address, 20) for _ in range(30)]
        eventually(lambda: all(closed(each) for each in silent[:10]))
        assert not closed(silent[-1])
        assert tunnel.psql("select 1") == "1"
        assert session.execute("select 1").fetchone() == (1,)
        for each in silent:
            each.close()
        eventually(lambda: tunnel.psql("select 1") == "1")


def closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
