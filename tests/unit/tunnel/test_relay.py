"""The relay over real TLS and tiny buffers: bytes equal and in order, one end, nothing left."""

import asyncio
import contextlib
import os
import random
import socket
import ssl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason
from pgward.tunnel.relay import BUFFER_SIZE, RECORD_SIZE, Relay
from tests.fixtures.links import Side, Wire, receive, reset, run_on, send, tcp_pair, unix_pair

CLEAN = (True, None)
BROKEN = (False, None)


async def exchange(session, forth, back, *, sizes=(65536, 65536), rest=0) -> None:
    """Send both ways at once; see that every byte arrives in order."""
    sent, got = b"".join(forth), b"".join(back)
    tasks = (
        send(session.client, *forth),
        send(session.database, *back),
        receive(session.database, sizes[0], rest=rest),
        receive(session.client, sizes[1], rest=rest),
    )
    _, _, at_database, at_client = await asyncio.gather(*tasks)
    assert at_database == sent
    assert at_client == got


# --- what arrives -------------------------------------------------------------------------

EDGE_SIZES = [1, 33, 34, 35, RECORD_SIZE - 1, RECORD_SIZE, RECORD_SIZE + 1]
EDGE_SIZES += [RECORD_SIZE + CONTROL_SIZE, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + CONTROL_SIZE]
chunk_sizes = st.lists(st.sampled_from(EDGE_SIZES) | st.integers(1, 5000), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    forth=chunk_sizes,
    back=chunk_sizes,
    buffers=st.sampled_from([None, 1, 4096, 32768]),
    sizes=st.tuples(st.sampled_from([7, 1000, 65536]), st.sampled_from([7, 1000, 65536])),
    rest=st.sampled_from([0, 0, 1, 5]),
    kind=st.sampled_from(["asyncio", "uvloop"]),
    seed=st.integers(0, 2**32),
)
def test_any_chunks_both_ways_at_once(contexts, *, forth, back, buffers, sizes, rest, kind, seed):
    source = random.Random(seed)

    async def main() -> None:
        wire = await Wire.open(contexts, buffers=buffers)
        for _ in range(2):  # the second session shows that the first left the link whole
            session = wire.session(buffers=buffers)
            chunks = [[source.randbytes(size) for size in way] for way in (forth, back)]
            await exchange(session, *chunks, sizes=sizes, rest=rest)
            assert await session.result() == (CLEAN, CLEAN)
            session.close()
        wire.close()

    run_on(kind, main())


def test_many_sessions_over_one_link(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts)
        for number in range(100):
            session = wire.session()
            await exchange(session, [b"Q%d" % number], [b"R%d" % number] * 2)
            assert await session.result() == (CLEAN, CLEAN)
            session.close()
        wire.close()

    run(main())


@pytest.mark.parametrize("controls", [True, False])
def test_bytes_that_were_read_before_the_relay_come_first(run, contexts, controls):
    async def main() -> None:
        wire = await Wire.open(contexts, controls=controls)
        database, plain = unix_pair(4096)
        side = Side(wire.edge, plain)
        first = os.urandom(BUFFER_SIZE)
        wire.tunnel.write(b"then this")
        side.begin(wire.controls, first)
        expected = first + b"then this"
        received = b""
        while len(received) < len(expected):
            received += await asyncio.get_running_loop().sock_recv(database, 1000)
        assert received == expected
        side.relay.stop()
        database.close()
        plain.close()
        wire.close()

    run(main())


def test_bytes_that_were_read_from_the_client_before_the_relay_go_first(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        client, plain = unix_pair(4096)
        side = Side(wire.tunnel, plain)
        client.send(b"then this")
        outgoing = os.urandom(RECORD_SIZE)  # more than the socket takes at once
        side.begin(wire.controls, outgoing=outgoing)
        received, buffer = b"", bytearray(BUFFER_SIZE)
        while len(received) < RECORD_SIZE + len(b"then this"):
            with contextlib.suppress(ssl.SSLWantReadError):
                received += buffer[: wire.edge.read_into(BUFFER_SIZE, buffer)]
            await asyncio.sleep(0)
        assert received == outgoing + b"then this"
        side.relay.stop()
        client.close()
        plain.close()
        wire.close()

    run(main())


@pytest.mark.parametrize("reason", [None, Reason.BLOCKED])
def test_a_control_that_was_read_before_the_relay_counts(run, contexts, reason):
    async def main() -> None:
        wire = await Wire.open(contexts)
        client, plain = unix_pair()
        side = Side(wire.tunnel, plain)
        controls = wire.controls
        side.begin(controls, controls.end if reason is None else controls.cut(reason))
        assert await receive(client) == b""
        if reason is None:
            assert side.calls == 0
            client.shutdown(socket.SHUT_WR)
        assert await side.ended == (CLEAN if reason is None else (False, reason))
        client.close()
        wire.close()

    run(main())


# --- controls and data that looks like them -----------------------------------------------


async def edge_side(contexts, *, buffers=None):
    """Return a wire, the edge's side of a session on it, and the database's socket."""
    wire = await Wire.open(contexts)
    database, plain = unix_pair(buffers)
    side = Side(wire.edge, plain)
    side.begin(wire.controls)
    return wire, side, database


def close_all(wire, side, database) -> None:
    if side.calls == 0:
        side.relay.stop()
        side.plain.close()
    database.close()
    wire.close()


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


# --- ends ---------------------------------------------------------------------------------


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


# --- clients that are no tunnel of ours ---------------------------------------------------


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


# --- backpressure -------------------------------------------------------------------------


async def fill(sock: socket.socket) -> int:
    """Send until nothing moves any more; return how much was taken."""
    total, still = 0, 0
    while still < 50:
        try:
            total += sock.send(bytes(65536))
            still = 0
        except BlockingIOError:
            still += 1
            await asyncio.sleep(0)
    return total


async def take(sock: socket.socket, size: int) -> None:
    while size:
        chunk = await asyncio.get_running_loop().sock_recv(sock, min(size, 65536))
        assert chunk
        size -= len(chunk)


def test_a_reader_that_stands_still_holds_the_writer_up(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        taken = await fill(session.client)
        assert taken < 1_000_000
        session.client.shutdown(socket.SHUT_WR)
        assert len(await receive(session.database)) == taken
        session.database.shutdown(socket.SHUT_WR)
        assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


def test_both_ways_blocked_is_no_deadlock(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        forth, back = await fill(session.client), await fill(session.database)
        await fill(session.client)  # still full, though the other way moved
        await asyncio.gather(take(session.database, forth), take(session.client, back))
        session.client.shutdown(socket.SHUT_WR)
        session.database.shutdown(socket.SHUT_WR)
        await asyncio.gather(receive(session.database), receive(session.client))
        assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


@pytest.mark.parametrize("blocked", ["client", "database"])
@pytest.mark.parametrize("ending", ["client", "database"])
def test_an_end_while_a_write_is_blocked(run, contexts, blocked, ending):
    """``blocked`` reads nothing, the other sends all it can; then one of them leaves."""

    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(tcp=True)
        sender = session.database if blocked == "client" else session.client
        taken = await fill(sender)
        if ending == blocked:
            getattr(session, ending).close()  # unread bytes: a RST
            assert await session.result() == (BROKEN, BROKEN)
        else:
            sender.shutdown(socket.SHUT_WR)
            stuck = getattr(session, blocked)
            assert len(await receive(stuck)) == taken
            stuck.shutdown(socket.SHUT_WR)
            assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


def test_a_cut_while_both_ways_are_blocked(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        await fill(session.client)
        await fill(session.database)
        session.edge.relay.stop()
        wire.edge.close()
        await take_all(session.client)
        assert await session.tunnel.ended == BROKEN
        session.edge.plain.close()
        session.close()
        wire.close()

    run(main())


async def take_all(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    try:
        while await loop.sock_recv(sock, 65536):
            pass
    except ConnectionError:
        return


def test_one_stuck_session_delays_no_other(run, contexts):
    async def main() -> None:
        stuck, other = await Wire.open(contexts), await Wire.open(contexts)
        first = stuck.session()
        await fill(first.client)
        second = other.session()
        await exchange(second, [os.urandom(300_000)], [os.urandom(300_000)])
        assert await second.result() == (CLEAN, CLEAN)
        for side in (first.tunnel, first.edge):
            side.relay.stop()
            side.plain.close()
        for each in (first, second, stuck, other):
            each.close()

    run(main())


# --- what the relay leans on --------------------------------------------------------------


def test_a_tls_write_takes_all_or_nothing(run, contexts):
    """The relay offers a whole buffer again after a full socket, and never a part of it."""

    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        assert wire.tunnel.write(bytes(1000)) == 1000
        results = []
        with contextlib.suppress(ssl.SSLWantWriteError):
            while True:
                results.append(wire.tunnel.write(bytes(BUFFER_SIZE)))
        assert set(results) <= {BUFFER_SIZE}
        wire.close()

    run(main())


def test_a_tls_read_returns_one_record(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts)
        for size in (5, CONTROL_SIZE, RECORD_SIZE):
            wire.tunnel.write(bytes(size))
        buffer = bytearray(BUFFER_SIZE)
        sizes = [wire.edge.read_into(BUFFER_SIZE, buffer) for _ in range(3)]
        assert sizes == [5, CONTROL_SIZE, RECORD_SIZE]
        wire.close()

    run(main())


def test_the_collector_is_not_needed(contexts):
    """Relays free themselves: the collector is tuned to run seldom."""

    async def main() -> None:
        import gc  # noqa: PLC0415 - only here

        wire = await Wire.open(contexts)
        gc.collect()
        gc.disable()
        try:
            before = sum(isinstance(each, Relay) for each in gc.get_objects())
            for _ in range(5):
                session = wire.session()
                await exchange(session, [b"x"], [b"y"])
                await session.result()
                session.close()
                del session.tunnel.relay, session.edge.relay  # as their owners do
            after = sum(isinstance(each, Relay) for each in gc.get_objects())
        finally:
            gc.enable()
        assert after == before
        wire.close()

    run_on("uvloop", main())


def test_a_connection_that_is_no_socket_pair(run, contexts):
    """The same over TCP, as in life."""

    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session(tcp=True)
        data = os.urandom(2_000_000)
        await exchange(session, [data], [data[::-1]])
        assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()
        for sock in tcp_pair():
            sock.close()

    run(main())
