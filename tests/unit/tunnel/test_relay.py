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

from pgward.tunnel.preface import CONTROL_SIZE, Reason
from pgward.tunnel.relay import BUFFER_SIZE, RECORD_SIZE, Relay
from tests.fixtures.links import Side, Wire, receive, run_on, tcp_pair, unix_pair
from tests.fixtures.relays import CLEAN, exchange

# --- what arrives ------------------------------------------------------------------------

EDGE_SIZES = [1, 33, 34, 35, RECORD_SIZE - 1, RECORD_SIZE, RECORD_SIZE + 1]
EDGE_SIZES += [RECORD_SIZE + CONTROL_SIZE, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + CONTROL_SIZE]
chunk_sizes = st.lists(st.sampled_from(EDGE_SIZES) | st.integers(1, 5000), max_size=6)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
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


# --- what the relay leans on -------------------------------------------------------------


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
