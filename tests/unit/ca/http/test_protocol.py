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
        config = uvicorn.Config(app, log_config=None, ws="none")
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
        config = uvicorn.Config(app, log_config=None, ws="none")
        BoundedHttp(config, ServerState(), {}, waiting=waiting).connection_made(transport)
        waiting.enter("another", lambda: None)
        return transport.ended

    assert asyncio.run(talk()) == "aborted"


def _post(*headers: bytes, body: bytes = b"0\r\n\r\n") -> bytes:
    return b"\r\n".join((b"POST /a HTTP/1.1", b"host: a", *headers, b"", body))


_CHUNKED, _NEXT = b"transfer-encoding: chunked", b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n"
SMUGGLED = {
    "a length and chunks": _post(b"content-length: 6", _CHUNKED) + _NEXT,
    "chunks and a length": _post(_CHUNKED, b"content-length: 6") + _NEXT,
    "two lengths": _post(b"content-length: 1", b"content-length: 40", body=b"x" + _NEXT),
    "a list of lengths": _post(b"content-length: 1, 1", body=b"x" + _NEXT),
    "a length with a sign": _post(b"content-length: +1", body=b"x" + _NEXT),
    "a negative length": _post(b"content-length: -1", body=b"x" + _NEXT),
    "a length in hex": _post(b"content-length: 0x1", body=b"x" + _NEXT),
    "another coding": _post(b"transfer-encoding: xchunked") + _NEXT,
    "a coding after chunks": _post(b"transfer-encoding: chunked, identity") + _NEXT,
    "two codings": _post(_CHUNKED, b"transfer-encoding: identity") + _NEXT,
    "a space before the colon": _post(b"transfer-encoding : chunked") + _NEXT,
    "a vertical tab": _post(b"transfer-encoding:\x0bchunked") + _NEXT,
    "a folded line": _post(b"x-a: b", b" transfer-encoding: chunked") + _NEXT,
    "a bare return": _post(b"x-a: b\rtransfer-encoding: chunked") + _NEXT,
    "a bare line feed": b"GET /a HTTP/1.1\nhost: a\n\n" + _NEXT,
    "a NUL": _post(b"x-a: b\0c") + _NEXT,
    "an endless chunk": _post(_CHUNKED, body=b"f" * 17 + b"\r\nx\r\n0\r\n\r\n" + _NEXT),
    "a negative chunk": _post(_CHUNKED, body=b"-1\r\nx\r\n0\r\n\r\n" + _NEXT),
    "a chunk longer than it says": _post(_CHUNKED, body=b"1\r\nxyz\r\n0\r\n\r\n" + _NEXT),
    "a line feed in an extension": _post(_CHUNKED, body=b"1;a\nxx\r\nx\r\n0\r\n\r\n" + _NEXT),
    "a tunnel": b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n" + _NEXT,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("what", SMUGGLED)
def test_a_request_that_two_readers_end_in_two_places_is_refused(what):
    """Each was read in two ways by some pair of proxy and server; here nothing comes after it."""
    transport = run(SMUGGLED[what], after=0.01)
    assert transport.ended == "closed"
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert transport.written.count(b"HTTP/1.1 ") == 1


def test_what_follows_a_request_of_http_1_0_with_chunks_is_not_read():
    """Its reader may know no chunks (RFC 9112 section 6.1)."""
    asked = _post(_CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0") + _NEXT
    transport = run(asked, after=0.01)
    assert (transport.ended, transport.written.count(b"HTTP/1.1 ")) == ("closed", 1)


@pytest.mark.parametrize("wanted", [b"h2c", b"websocket", b"TLS/1.3"])
def test_an_upgrade_is_not_taken_up_and_the_connection_goes_on(wanted):
    asked = b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: " + wanted
    transport = run(asked + b"\r\n\r\n", _NEXT, after=0.01)
    assert (transport.ended, transport.written.count(b"HTTP/1.1 204 ")) == (None, 2)
