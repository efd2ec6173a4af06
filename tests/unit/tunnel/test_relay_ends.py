"""How sessions of the relay end: by controls, ends, resets, deaths; links and plain clients."""

import asyncio
import os
import socket
import ssl

import pytest

from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason
from pgward.tunnel.relay import RECORD_SIZE
from tests.fixtures.links import (
    Side,
    Wire,
    receive,
    reset,
    send,
    tcp_pair,
    tls_pair,
    unix_pair,
)
from tests.fixtures.relays import BROKEN, CLEAN, close_all, edge_side, exchange, fill

# --- controls and data that looks like them ----------------------------------------------


@pytest.mark.parametrize("size", [CONTROL_SIZE - 1, CONTROL_SIZE, CONTROL_SIZE + 1])
def test_data_of_about_a_controls_size_is_data(run, contexts, size):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        wire.tunnel.write(b"x" * size)
        wire.tunnel.write(wire.controls.end)
        assert await receive(database) == b"x" * size
        close_all(wire, side, database)

    run(main())


def test_a_record_with_another_links_marker_is_data(run, contexts):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        other = Controls.new()
        almost = wire.controls.marker[:-1] + bytes([wire.controls.marker[-1] ^ 1]) + b"E\0"
        data = [other.end, other.cut(Reason.REVOKED), almost, wire.controls.end + b"!"]
        for record in (*data, wire.controls.end):
            wire.tunnel.write(record)
        assert await receive(database) == b"".join(data)
        close_all(wire, side, database)

    run(main())


def test_a_control_inside_a_record_is_data(run, contexts):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        wire.tunnel.write(b"x" + wire.controls.end)
        wire.tunnel.write(wire.controls.end)
        assert await receive(database) == b"x" + wire.controls.end
        close_all(wire, side, database)

    run(main())


@pytest.mark.parametrize("records", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("buffers", [None, 4096])
def test_an_end_right_after_full_records(run, contexts, records, buffers):
    async def main() -> None:
        wire, side, database = await edge_side(contexts, buffers=buffers)
        data = os.urandom(records * RECORD_SIZE)
        loop = asyncio.get_running_loop()
        reading = loop.create_task(receive(database, 1000))
        await write(wire.tunnel, data)
        await write(wire.tunnel, wire.controls.end)
        assert await reading == data
        database.shutdown(socket.SHUT_WR)
        assert await side.ended == CLEAN
        close_all(wire, side, database)

    run(main())


@pytest.mark.parametrize("data", [b"", b"tail", bytes(RECORD_SIZE), bytes(RECORD_SIZE) + b"tail"])
def test_a_cut_says_why_and_what_came_before_it_arrives(run, contexts, data):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        if data:
            await write(wire.tunnel, data)
        wire.tunnel.write(wire.controls.cut(Reason.BLOCKED))
        assert await side.ended == (False, Reason.BLOCKED)
        assert await receive(database) == data
        close_all(wire, side, database)

    run(main())


def test_a_cut_of_a_newer_edge_is_a_cut(run, contexts):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        wire.tunnel.write(wire.controls.marker + b"C\xc8")
        assert await side.ended == (False, Reason.UNKNOWN)
        close_all(wire, side, database)

    run(main())


def test_a_control_of_an_unknown_kind_ends_the_link(run, contexts):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        wire.tunnel.write(wire.controls.marker + b"??")
        assert await side.ended == BROKEN
        close_all(wire, side, database)

    run(main())


async def write(tls, data: bytes) -> None:
    """Write all, waiting where the socket is full."""
    while True:
        try:
            tls.write(data)
        except ssl.SSLWantWriteError:
            await asyncio.sleep(0)
        else:
            return


# --- ends --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["client", "database"])
def test_half_close_in_either_order(run, contexts, first):
    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session()
        one, other = session.client, session.database
        if first == "database":
            one, other = other, one
        await send(one, b"my last word")
        assert await receive(other) == b"my last word"
        await send(other, b"yours, ", b"a long while after")
        assert await receive(one) == b"yours, a long while after"
        assert await session.result() == (CLEAN, CLEAN)
        assert session.tunnel.relay.plain_ended_first == (first == "client")
        session.close()
        wire.close()

    run(main())


def test_ends_that_cross(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts)
        for _ in range(20):
            session = wire.session()
            session.client.shutdown(socket.SHUT_WR)
            session.database.shutdown(socket.SHUT_WR)
            assert await session.result() == (CLEAN, CLEAN)
            session.close()
        wire.close()

    run(main())


@pytest.mark.parametrize("who", ["client", "database"])
def test_a_reset_ends_both_sides(run, contexts, who):
    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session(tcp=True)
        await send(session.client, b"q", end=False)
        assert await asyncio.get_running_loop().sock_recv(session.database, 10) == b"q"
        reset(getattr(session, who))
        assert await session.result() == (BROKEN, BROKEN)
        session.close()
        wire.close()

    run(main())


@pytest.mark.parametrize("end", ["tunnel", "edge"])
@pytest.mark.parametrize("notify", [True, False])
def test_a_link_that_dies_ends_the_session(run, contexts, end, notify):
    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session()
        dying, left = session.tunnel, session.edge
        if end == "edge":
            dying, left = left, dying
        dying.relay.stop()
        dying.tls.close(notify=notify)
        assert await left.ended == BROKEN
        assert (dying.calls, left.calls) == (0, 1)
        session.close()
        dying.plain.close()
        wire.close()

    run(main())


def test_garbage_on_the_link_ends_the_session(run, contexts):
    async def main() -> None:
        wire, side, database = await edge_side(contexts)
        os.write(wire.tunnel.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))  # a forged record
        assert await side.ended == BROKEN
        close_all(wire, side, database)

    run(main())


def test_a_peer_that_is_gone_after_both_ends_leaves_the_link_whole(run, contexts):
    """A terminated backend: it ends, the client still speaks, then ends too."""

    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session(tcp=True)
        session.database.close()  # a FIN; bytes that come now are answered by a RST
        assert await receive(session.client) == b""
        await send(session.client, b"select 1", end=False)
        await gone(session.edge.plain)
        session.client.shutdown(socket.SHUT_WR)
        assert await session.result() == (CLEAN, CLEAN)
        assert not session.tunnel.relay.plain_ended_first
        session.client.close()
        session = wire.session()
        await exchange(session, [b"again"], [b"fine"])
        assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


async def gone(sock: socket.socket) -> None:
    """Wait until the kernel knows that a connection was reset."""
    closed = b"\x07"  # TCP_CLOSE
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != closed:  # noqa: ASYNC110 - the kernel tells no event
        await asyncio.sleep(0)


def test_what_a_peer_will_never_take_does_not_spoil_the_link(run, contexts):
    """Both ends are told, the database left with bytes unread: the next session is not hurt."""

    async def main() -> None:
        wire, side, database = await edge_side(contexts, buffers=4096)
        loop = asyncio.get_running_loop()
        await write(wire.tunnel, bytes(60_000))
        await write(wire.tunnel, wire.controls.end)
        database.shutdown(socket.SHUT_WR)
        buffer = bytearray(100)
        while True:  # the edge's own end comes while it still holds bytes for the database
            try:
                size = wire.tunnel.read_into(100, buffer)
                break
            except ssl.SSLWantReadError:
                await asyncio.sleep(0)
        assert buffer[:size] == wire.controls.end
        assert side.calls == 0
        database.setblocking(False)
        while not side.relay._to_plain_done:  # read until the end record was seen, and no more
            await asyncio.sleep(0)
            assert await loop.sock_recv(database, 1000)
        if side.calls == 0:
            database.close()
        assert await side.ended == CLEAN
        close_all(wire, side, database)

    run(main())


def test_stop_leaves_nothing_behind_and_calls_nobody(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        await fill(session.client)
        await fill(session.database)
        for side in (session.tunnel, session.edge):
            side.relay.stop()
            side.relay.stop()
            loop = asyncio.get_running_loop()
            for fd in (side.tls.fileno(), side.plain.fileno()):
                assert not loop.remove_reader(fd)
                assert not loop.remove_writer(fd)
        await asyncio.sleep(0.01)
        assert (session.tunnel.calls, session.edge.calls) == (0, 0)
        session.tunnel.plain.close()
        session.edge.plain.close()
        session.close()
        wire.close()

    run(main())


# --- clients that are no tunnel of ours --------------------------------------------------


async def plain_client(contexts):
    wire = await Wire.open(contexts, controls=False)
    database, plain = unix_pair()
    side = Side(wire.edge, plain)
    side.begin(None)
    return wire, side, database


def test_a_close_notify_is_a_half_close(run, contexts):
    async def main() -> None:
        wire, side, database = await plain_client(contexts)
        await write(wire.tunnel, bytes(40_000) + b"last")
        with pytest.raises(ssl.SSLWantReadError):
            wire.tunnel.socket.unwrap()
        received = await receive(database)
        assert received == bytes(40_000) + b"last"
        assert side.calls == 0
        await send(database, b"answer")
        assert await side.ended == BROKEN  # such a link carries no second session
        close_all(wire, side, database)

    run(main())


def test_the_databases_end_is_the_end(run, contexts):
    async def main() -> None:
        wire, side, database = await plain_client(contexts)
        await send(database, b"FATAL")
        assert await side.ended == BROKEN
        assert wire.tunnel.socket.recv(100) == b"FATAL"
        assert wire.tunnel.socket.recv(100) == b""
        close_all(wire, side, database)

    run(main())


def test_a_plain_clients_controls_are_data(run, contexts):
    async def main() -> None:
        wire, side, database = await plain_client(contexts)
        record = Controls.new().end
        wire.tunnel.write(record)
        assert await asyncio.get_running_loop().sock_recv(database, 100) == record
        close_all(wire, side, database)

    run(main())


# --- last words of whoever takes nothing more --------------------------------------------


def test_the_databases_last_words_come_though_it_takes_nothing_more(run, contexts):
    """A backend that is terminated while its client sends: FATAL lies before the reset."""

    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session(tcp=True)
        session.database.send(b"FATAL")
        session.database.close()
        session.edge.plain.send(b"query")
        await gone(session.edge.plain)
        wire.tunnel.write(b"another")
        session.edge.relay._inbound()  # before the loop looks at the database
        assert await asyncio.get_running_loop().sock_recv(session.client, 100) == b"FATAL"
        session.client.close()
        await session.result()
        wire.close()

    run(main())


def test_the_edges_last_words_come_though_it_takes_nothing_more(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts, tcp_pair())
        client, plain = tcp_pair()
        controls = Controls.new()
        side = Side(tunnel, plain)
        side.begin(controls)
        edge.write(b"FATAL")
        edge.write(controls.cut(Reason.BLOCKED))
        edge.close(notify=False)
        tunnel.write(b"query")
        await gone(tunnel.socket)
        client.send(b"another")
        side.relay._outbound()  # before the loop looks at the edge
        assert await side.ended == (False, Reason.BLOCKED)
        assert await receive(client) == b"FATAL"
        client.close()

    run(main())


def test_both_peers_take_nothing_more(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts, tcp_pair())
        client, plain = tcp_pair()
        side = Side(tunnel, plain)
        side.begin(Controls.new())
        client.send(b"query")
        edge.write(b"answer")
        for peer, ours in ((client, plain), (edge.socket, tunnel.socket)):
            reset(peer)
            await gone(ours)
        side.relay._outbound()
        assert await side.ended == BROKEN

    run(main())
