import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from pgward.ca.http import protocol as http_protocol
from pgward.ca.http.protocol import MAX_HEADER_BYTES, MAX_REQUEST_BYTES, BoundedHttp
from pgward.ca.http.waiting import Waiting


class Transport(asyncio.Transport):
    """Remembers what was written, and whether and how it was closed."""

    def __init__(self):
        super().__init__()
        self.written, self.ended = b"", None

    def write(self, data):
        self.written += bytes(data)

    def close(self):
        self.ended = self.ended or "closed"

    def abort(self):
        self.ended = self.ended or "aborted"

    def is_closing(self):
        return self.ended is not None

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


async def app(scope, receive, send):
    if scope["path"] == "/slow":
        await asyncio.sleep(0.06)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def run(*said, after=0.0, waiting=None):
    """Say something to a new connection, and return the transport."""
    queue = Waiting(10) if waiting is None else waiting

    async def talk():
        transport = Transport()
        config = uvicorn.Config(app, log_config=None)
        protocol = BoundedHttp(config, ServerState(), {}, waiting=queue)
        protocol.connection_made(transport)
        for data in said:
            protocol.data_received(data)
            await asyncio.sleep(0)
        await asyncio.sleep(after)
        ended = transport.ended
        protocol.connection_lost(None)
        transport.ended = ended  # uvicorn closes what is lost
        return transport

    return asyncio.run(talk())


GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def test_a_request_is_answered():
    assert run(GET, after=0.01).written.startswith(b"HTTP/1.1 204 ")


def test_pipelined_requests_are_answered():
    assert run(GET * 3, after=0.05).written.count(b"HTTP/1.1 204 ") == 3


@pytest.mark.parametrize(
    "said", [b"GET /" + b"x" * MAX_HEADER_BYTES, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 12_000]
)
def test_long_headers_are_refused(said):
    pieces = [said[i : i + 4096] for i in range(0, len(said), 4096)]
    transport = run(*pieces)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert transport.ended == "closed"


def test_a_long_body_may_come_with_its_headers():
    head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n"
    transport = run(head + b"x" * 200_000, after=0.01)
    assert transport.written.startswith(b"HTTP/1.1 204 ")


def test_long_headers_in_one_piece_are_refused():
    transport = run(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 12_000 + b"\r\n")
    assert transport.written.startswith(b"HTTP/1.1 431 ")


def test_a_long_body_is_refused():
    head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n"
    piece = b"x" * 1_000_000
    transport = run(head, *[piece] * (MAX_REQUEST_BYTES // len(piece) + 1))
    assert transport.written.startswith(b"HTTP/1.1 413 ")
    assert transport.ended == "closed"


def test_the_count_starts_anew_with_each_request():
    body = b"x" * 3_000_000
    post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body)
    transport = run(*[post, body] * 4, after=0.05)
    assert transport.written.count(b"HTTP/1.1 204 ") == 4
    assert transport.ended is None


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab", GET + b"GET"],
)
def test_a_slow_request_is_cut_off(said, monkeypatch):
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.02)
    assert run(said, after=0.06).ended == "aborted"


def test_a_slow_answer_is_not(monkeypatch):
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.02)
    slow = run(GET.replace(b"/ ", b"/slow "), after=0.2)
    assert slow.written.startswith(b"HTTP/1.1 204 ")
    assert slow.ended is None


class Turns(Waiting):
    """Notes who entered and left, and in the end how many are there."""

    def __init__(self):
        super().__init__(10)
        self.noted = []

    def enter(self, connection, drop, address=None):
        super().enter(connection, drop, address)
        self.noted.append("peer")

    def leave(self, connection):
        super().leave(connection)
        self.noted.append("server")


HALF = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab"
BYE = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "turns"),
    [
        ([b""], ["peer"]),
        ([GET[:9]], ["peer"]),
        ([HALF], ["peer"]),
        ([HALF, b"cde"], ["peer", "server", "peer"]),
        ([GET], ["peer", "server", "peer"]),
        ([GET + GET[:9]], ["peer", "server", "peer"]),
        ([GET * 2], ["peer", "server", "server", "server", "peer"]),
        ([BYE], ["peer", "server"]),
    ],
    ids=repr,
)
def test_it_waits_while_the_next_word_is_the_peers(said, turns):
    waiting = Turns()
    run(*said, after=0.02, waiting=waiting)
    assert waiting.noted == [*turns, "server"]  # the last is the end of the connection
    assert len(waiting) == 0


def test_who_waits_too_long_among_many_is_aborted():
    waiting = Waiting(1)

    async def talk():
        transport = Transport()
        config = uvicorn.Config(app, log_config=None)
        BoundedHttp(config, ServerState(), {}, waiting=waiting).connection_made(transport)
        waiting.enter("another", lambda: None)
        return transport.ended

    assert asyncio.run(talk()) == "aborted"
