import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import pytest

from pgward.pgwire import backend, startup
from pgward.pgwire.errors import LoginFailedError, VersionRefusedError, WireError
from pgward.pgwire.scram import Server, Verifier
from pgward.pgwire.scram import salted as module_salted
from pgward.tunnel.edge.upstreams import speaking
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.speaking import PlainError
from tests.fixtures.scripted_backend import (
    READY,
    Talk,
    _serve,
    answering,
    hangs,
    read_message,
    read_startup,
    welcome,
)

PARAMETERS = {"user": "app", "database": "orders"}


def run(talk: Talk, act: Callable[[Channel], Awaitable[object]]):
    async def main() -> object:
        near, far = socket.socketpair()
        near.setblocking(False)
        server = asyncio.create_task(_serve(far, talk))
        try:
            async with asyncio.timeout(10):
                return await act(Channel(near))
        finally:
            near.close()
            await server

    return asyncio.run(main())


def said(answer: bytes) -> Talk:
    """Answer the first packet with these bytes, and go."""

    async def talk(reader, writer) -> None:
        assert await reader.readexactly(8) == startup.ssl_request()
        writer.write(answer)

    return talk


@pytest.mark.parametrize(
    ("mode", "answer", "expected"),
    [("prefer", b"S", True), ("prefer", b"N", False), ("verify-full", b"S", True)],
)
def test_tls_is_asked_for(mode, answer, expected):
    found = run(said(answer), lambda channel: speaking.wants_tls(channel, mode))
    assert found is expected


def test_tls_is_not_asked_for_where_it_is_off():
    assert run(hangs, lambda channel: speaking.wants_tls(channel, "disable")) is False


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (b"N", PlainError, r"speaks no TLS, and the service wants it \(sslMode: require\)"),
        (b"", ConnectionResetError, "closed the connection when it was asked for TLS"),
        (b"E" + b"evil words", WireError, "does not answer as PostgreSQL does"),
        (b"HTTP/1.1 400", WireError, "does not answer as PostgreSQL does"),
    ],
)
def test_other_answers_end_it_and_nothing_of_them_is_shown(answer, error, text):
    with pytest.raises(error, match=text) as caught:
        run(said(answer), lambda channel: speaking.wants_tls(channel, "require"))
    assert "evil" not in str(caught.value)


def test_a_login_is_done():
    def act(channel):
        return speaking.log_in(channel, PARAMETERS, None, 0)

    login = run(answering(welcome(TimeZone="UTC")), act)
    assert (login.done, login.parameters, login.key) == (True, {"TimeZone": "UTC"}, (7, b"keys"))


def scram(iterations: int, cuts: tuple[int, ...]):
    """A server that asks for so many iterations, in pieces."""

    async def talk(reader, writer):
        await read_startup(reader)
        writer.write(backend.authentication_sasl(["SCRAM-SHA-256"]))
        _, body = await read_message(reader)
        exchange = Server(Verifier.make(b"password", b"salt", iterations), "s", binding=None)
        first = exchange.first("SCRAM-SHA-256", body[18:])
        said = backend.authentication(backend.AUTH_SASL_GOES_ON, first)
        at = 0
        for cut in (*cuts, len(said)):
            writer.write(said[at : cut or len(said)])
            await writer.drain()
            await asyncio.sleep(0.01)  # so that they are read apart
            at = cut
        _, body = await read_message(reader)
        final = exchange.final(body)
        assert final is not None
        writer.write(backend.authentication(backend.AUTH_SASL_ENDS, final) + welcome())
        await reader.read()

    return talk


@pytest.mark.parametrize(
    ("iterations", "cuts", "where"),
    [
        (4096, (), "MainThread"),
        (9999, (), "MainThread"),
        (10_000, (), "salting"),
        (100_000, (-2,), "salting"),
        (100_000, (-7, -6, -3), "salting"),
    ],
)
def test_a_server_that_asks_for_much_work_keeps_nobody_else_waiting(
    monkeypatch, iterations, cuts, where
):
    threads = []

    def salted(*what) -> bytes:
        threads.append(threading.current_thread().name)
        return module_salted(*what)

    monkeypatch.setattr(speaking, "_salted", salted)
    talk = scram(iterations, cuts)
    login = run(talk, lambda channel: speaking.log_in(channel, PARAMETERS, b"password", 0))
    assert login.method == "SCRAM-SHA-256"
    (thread,) = threads
    assert thread.startswith(where)


@pytest.mark.parametrize(("minor", "error"), [(0, LoginFailedError), (2, VersionRefusedError)])
def test_a_server_that_leaves_has_refused_the_login(minor, error):
    async def talk(reader, _writer):
        await reader.readexactly(8)

    with pytest.raises(error):
        run(talk, lambda channel: speaking.log_in(channel, PARAMETERS, None, minor))


def row(*values: bytes | None) -> bytes:
    return b"".join(map(backend.data_row, ([value] for value in values)))


def asked(*answer: bytes):
    async def talk(reader, writer):
        await reader.readexactly(5)
        writer.write(b"".join(answer))
        await reader.read()

    return run(talk, lambda channel: speaking.ask(channel, "SHOW x"))


def test_a_question_is_answered():
    assert asked(row(b"on"), backend.command_complete("SHOW"), READY) == "on"


@pytest.mark.parametrize(
    "answer",
    [
        [READY],
        [row(None), READY],
        [backend.data_row([b"a", b"b"]), READY],
        [backend.error("ERROR", "42704", "no such thing"), READY],
        [b"D\0\0\0\1"],
        [backend.data_row([b"x" * 70000])],
    ],
)
def test_what_is_no_answer_is_an_error(answer):
    with pytest.raises((WireError, ValueError)):
        asked(*answer)


def test_a_server_that_leaves_has_not_answered():
    async def talk(reader, _writer):
        await reader.readexactly(5)

    with pytest.raises(ConnectionResetError):
        run(talk, lambda channel: speaking.ask(channel, "SHOW x"))
