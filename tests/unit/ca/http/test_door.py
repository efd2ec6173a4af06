"""The door, with real sockets and TLS on the event loops that `ca serve` may run on."""

import asyncio
import errno
import socket
import ssl

import pytest
import uvloop

from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.http import door, networks
from pgward.ca.http.door import Door
from pgward.ca.http.waiting import Waiting


class Greeter(door.Guest):
    """Says hello to whom it trusts, and has it wait no longer."""

    def __init__(self, waiting):
        self.waiting = waiting

    def connection_made(self, transport):
        self.waiting.leave(self)
        transport.write(b"hello")

    def connection_lost(self, _exc):
        self.waiting.leave(self)


class Listening:
    """A listening socket whose next accepts fail."""

    def __init__(self, sock, *errors):
        self.sock, self.errors = sock, list(errors)

    def accept(self):
        if self.errors:
            raise self.errors.pop(0)
        return self.sock.accept()

    def setblocking(self, flag):
        self.sock.setblocking(flag)

    def fileno(self):
        return self.sock.fileno()


@pytest.fixture
def tls(authority):
    return ApiCertificate(authority).context


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def through(request, tls):
    """Do something with an open door, and with where it is."""

    def run(then, *, most=100, errors=()):
        async def opened():
            waiting = Waiting(most)
            with socket.create_server(("127.0.0.1", 0)) as sock:
                listening = Listening(sock, *errors) if errors else sock
                opened = Door(listening, tls, lambda: Greeter(waiting), waiting)
                opened.open()
                try:
                    async with asyncio.timeout(10):
                        return await then(opened, sock.getsockname())
                finally:
                    opened.close()

        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(opened())

    return run


async def greeted(where):
    """Connect with TLS; return what the server says first."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(*where, ssl=trusting)
    said = await reader.readexactly(5)
    writer.transport.abort()
    return said


async def silent(where):
    return await asyncio.open_connection(*where)


async def ended(reader):
    """Return when the server ended this connection."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_a_handshake_lets_in(through):
    async def enter(opened, where):
        said = await greeted(where)
        return said, len(opened.waiting)

    assert through(enter) == (b"hello", 0)


def test_a_silent_handshake_is_cut_off(through, monkeypatch):
    monkeypatch.setattr(door, "HANDSHAKE_SECONDS", 0.05)

    async def wait(opened, where):
        reader, writer = await silent(where)
        said = await ended(reader)
        writer.close()
        while opened.waiting:  # noqa: ASYNC110 - the other side hears of it first
            await asyncio.sleep(0)
        return said

    assert through(wait) == b""


def test_of_too_many_silent_peers_the_oldest_goes(through):
    async def crowd(_opened, where):
        peers = [await silent(where) for _ in range(4)]
        for reader, _writer in peers[:2]:
            assert await ended(reader) == b""
        said = await greeted(where)  # the oldest of the last two makes room
        assert await ended(peers[2][0]) == b""
        alive = not peers[3][0].at_eof()
        for _reader, writer in peers:
            writer.close()
        return said, alive

    assert through(crowd, most=2) == (b"hello", True)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b""], ids=["no TLS", "nothing"])
def test_who_fails_waits_no_longer_and_is_not_told_of(through, said, caplog):
    async def fail(opened, where):
        reader, writer = await silent(where)
        writer.write(said)
        writer.write_eof()
        await ended(reader)
        writer.close()
        while opened.waiting:  # noqa: ASYNC110 - the other side hears of it first
            await asyncio.sleep(0)

    through(fail)
    assert caplog.text == ""


def test_running_out_of_descriptors_makes_room_and_goes_on(through, monkeypatch, caplog):
    monkeypatch.setattr(door, "_PAUSE_SECONDS", 0.01)
    full = [OSError(errno.EMFILE, "Too many open files")] * 3

    async def recover(opened, where):
        gone = []
        opened.waiting.enter("old", lambda: gone.append("old"))
        return await greeted(where), gone

    assert through(recover, errors=full) == (b"hello", ["old"])
    assert caplog.messages == ["cannot accept connections: too many open files"]


def test_other_errors_only_pause_it(through, monkeypatch):
    monkeypatch.setattr(door, "_PAUSE_SECONDS", 0.01)
    errors = [ConnectionAbortedError(), OSError(errno.EPROTO, "Protocol error")]

    async def recover(opened, where):
        opened.waiting.enter("old", pytest.fail)
        return await greeted(where), len(opened.waiting)

    assert through(recover, errors=errors) == (b"hello", 1)


def test_a_closed_door_ends_handshakes_and_does_not_open_again(through, monkeypatch):
    monkeypatch.setattr(door, "_PAUSE_SECONDS", 0)

    async def close(opened, where):
        reader, writer = await silent(where)
        while not opened.waiting:  # noqa: ASYNC110 - the other side hears of it first
            await asyncio.sleep(0)
        opened._pause(OSError(errno.EPROTO, "Protocol error"))
        opened.close()
        monkeypatch.setattr(Door, "open", pytest.fail)
        said = await ended(reader)
        writer.close()
        return said, len(opened.waiting)

    assert through(close) == (b"", 0)


def test_an_unexpected_failure_is_logged_and_closes(through, monkeypatch, caplog):
    async def broken(_door, _connection, _guest, _host):
        raise ValueError("a mistake")

    monkeypatch.setattr(Door, "_handshake", broken)

    async def fail(opened, where):
        reader, writer = await silent(where)
        said = await ended(reader)
        writer.close()
        return said, len(opened.waiting)

    assert through(fail) == (b"", 0)
    assert "ValueError: a mistake" in caplog.text


class Visitor(Greeter):
    """Says where its peer comes from."""

    host = "?"

    def came_from(self, host, _port):
        self.host = host

    def connection_made(self, transport):
        self.waiting.leave(self)
        transport.write(self.host.encode().ljust(9)[:9])


async def introduced(where, header, tls):
    """Connect as a balancer does: a header, then the client's TLS."""
    loop = asyncio.get_running_loop()
    plain = socket.create_connection(where)
    plain.sendall(header)
    plain.setblocking(False)
    reader = asyncio.StreamReader()
    transport, _ = await loop.create_connection(
        lambda: asyncio.StreamReaderProtocol(reader), sock=plain, ssl=tls, server_hostname="x"
    )
    said = await reader.readexactly(9)
    transport.abort()
    return said


@pytest.fixture
def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def balanced(opened):
    opened.proxies = networks.parse(["127.0.0.0/8"])
    opened.make = lambda: Visitor(opened.waiting)


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n", b"192.0.2.7"),
        (b"PROXY UNKNOWN\r\n", b"127.0.0.1"),
    ],
)
def test_a_balancer_says_whom_it_speaks_for(through, trusting, header, source):
    async def enter(opened, where):
        balanced(opened)
        return await introduced(where, header, trusting), len(opened.waiting)

    assert through(enter) == (source, 0)


@pytest.mark.parametrize("said", [b"\x16\x03\x01" + bytes(200), b"PROXY nonsense\r\n", b"PRO"])
def test_who_should_introduce_the_client_and_does_not_is_turned_away(through, said, caplog):
    async def enter(opened, where):
        balanced(opened)
        reader, writer = await silent(where)
        writer.write(said)
        writer.write_eof()
        answer = await ended(reader)
        writer.close()
        return answer, len(opened.waiting)

    assert through(enter) == (b"", 0)
    assert caplog.text == ""


def test_a_header_of_someone_else_is_no_header(through, trusting):
    async def enter(opened, where):
        opened.make = lambda: Visitor(opened.waiting)
        header = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n"
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await introduced(where, header, trusting)

    through(enter)


def test_one_address_gives_way_to_others(through):
    async def crowd(opened, where):
        balanced(opened)
        peers, drops = [], opened.waiting._drops
        for number, count in ((1, 1), (2, 1), (2, 2), (2, 2)):
            reader, writer = await silent(where)
            writer.write(b"PROXY TCP4 192.0.2.%d 192.0.2.1 5000 443\r\n" % number)
            peers.append((reader, writer))
            address = f"192.0.2.{number}"
            while len(drops.get(address, ())) != count:  # noqa: ASYNC110 - it reads on
                await asyncio.sleep(0)
        gone = await ended(peers[1][0])
        alive = [not reader.at_eof() for reader, _ in peers]
        for _reader, writer in peers:
            writer.close()
        return gone, alive

    assert through(crowd, most=3) == (b"", [True, False, True, True])
