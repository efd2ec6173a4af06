import asyncio
import socket
import threading

import pytest
import uvloop

from pgward.system import metrics_server
from pgward.system.metrics_server import MOST_CONNECTIONS, MetricsServer


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def through(request):
    """Do something with a server, given where it is."""

    def run(then, text=lambda: b"up 1\n"):
        async def serving():
            with socket.create_server(("127.0.0.1", 0)) as listening:
                server = MetricsServer(listening, text)
                await server.start()
                try:
                    async with asyncio.timeout(10):
                        return await then(listening.getsockname()[:2])
                finally:
                    await server.stop()

        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(serving())

    return run


async def ask(where, said):
    reader, writer = await asyncio.open_connection(*where)
    writer.write(said)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("request_line", "status", "end"),
    [
        (b"GET /metrics HTTP/1.1", b"200 OK", b"\r\n\r\nup 1\n"),
        (b"GET /metrics?x=y HTTP/1.0", b"200 OK", b"\r\n\r\nup 1\n"),
        (b"HEAD /metrics HTTP/1.1", b"200 OK", b"\r\n\r\n"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed", b"allow: GET, HEAD\r\n\r\n"),
        (b"GET / HTTP/1.1", b"404 Not Found", b"\r\n\r\n"),
        (b"\x16\x03\x01\x00", b"404 Not Found", b"\r\n\r\n"),
    ],
)
def test_it_knows_the_metrics_and_nothing_else(through, request_line, status, end):
    answer = through(lambda where: ask(where, request_line + b"\r\nhost: a\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert answer.endswith(end)


@pytest.mark.parametrize("said", [b"", b"GET /metr", b"x" * 100_000])
def test_who_says_too_little_or_too_much_is_cut_off(through, said, monkeypatch):
    monkeypatch.setattr(metrics_server, "REQUEST_SECONDS", 0.05)

    async def talk(where):
        try:
            return await ask(where, said)
        except ConnectionError:
            return b""

    assert through(talk) == b""


def test_too_many_at_once_are_turned_away(through):
    async def crowd(where):
        silent = [await asyncio.open_connection(*where) for _ in range(MOST_CONNECTIONS)]
        turned_away = await ask(where, b"")
        for _reader, writer in silent:
            writer.close()
        return turned_away

    assert through(crowd) == b""


def test_metrics_are_made_one_at_a_time(through):
    busy, together = threading.Lock(), []

    def text():
        together.append(not busy.acquire(blocking=False))
        if not together[-1]:
            busy.release()
        return b"up 1\n"

    async def several(where):
        line = b"GET /metrics HTTP/1.1\r\n\r\n"
        return await asyncio.gather(*(ask(where, line) for _ in range(5)))

    answers = through(several, text)
    assert [answer.endswith(b"up 1\n") for answer in answers] == [True] * 5
    assert together == [False] * 5
