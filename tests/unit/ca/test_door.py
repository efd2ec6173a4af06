"""The door, with real sockets and TLS on the event loops that `ca serve` may run on."""

import asyncio
import errno
import socket
import ssl

import pytest
import uvloop

from pgward.ca import door
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.door import Door
from pgward.ca.waiting import Waiting


class Greeter(asyncio.Protocol):
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
    async def broken(_door, _connection, _protocol):
        raise ValueError("a mistake")

    monkeypatch.setattr(Door, "_handshake", broken)

    async def fail(opened, where):
        reader, writer = await silent(where)
        said = await ended(reader)
        writer.close()
        return said, len(opened.waiting)

    assert through(fail) == (b"", 0)
    assert "ValueError: a mistake" in caplog.text
