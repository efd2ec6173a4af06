"""A tunnel's relay and an edge's end of the link, which a test plays."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from pgward.tunnel.local.hearing import HearingRelay
from pgward.tunnel.preface import Controls, Reason, RefusedError
from tests.fixtures.links import receive, tls_pair, unix_pair

SHUT = RefusedError(Reason.DENIED, "this service asks why you connect", hint="say so")
FATAL = b"FATAL: this service asks why you connect"


@asynccontextmanager
async def session(contexts, first: bytes = b""):
    loop = asyncio.get_running_loop()
    edge, tunnel = await tls_pair(contexts)
    client, ours = unix_pair()
    controls = Controls.new(tells_why=True)
    ended = loop.create_future()

    def on_end(*how: object) -> None:
        ours.shutdown(socket.SHUT_WR)
        ended.set_result(how)

    relay = HearingRelay(loop, tunnel, ours, controls, on_end)
    relay.start(first)
    yield edge, controls, client, relay, ended
    relay.stop()
    for each in (edge, tunnel, client, ours):
        each.close()


@pytest.mark.parametrize("at_once", [True, False])
def test_the_edges_own_words(run, contexts, at_once):
    async def main() -> None:
        async with session(contexts) as (edge, controls, client, relay, ended):
            control, line = controls.cut_by(SHUT)
            edge.write(FATAL)
            edge.write(control)
            if not at_once:
                await asyncio.sleep(0.01)
                assert not ended.done()
            client.send(b"which nobody reads any more")
            edge.write(line)
            assert await ended == (False, Reason.DENIED)
            assert (relay.refusal.message, relay.refusal.hint) == (SHUT.message, SHUT.hint)
            assert await receive(client) == FATAL

    run(main())


def test_words_behind_full_records(run, contexts):
    async def main() -> None:
        async with session(contexts) as (edge, controls, client, relay, ended):
            data = bytes(16 * 1024) * 2
            for record in (data[: 16 * 1024], data[16 * 1024 :], *controls.cut_by(SHUT)):
                edge.write(record)
            reading = asyncio.ensure_future(receive(client))
            assert await ended == (False, Reason.DENIED)
            assert await reading == data
            assert relay.refusal is not None

    run(main())


def test_a_number_alone(run, contexts):
    async def main() -> None:
        async with session(contexts) as (edge, controls, _client, relay, ended):
            edge.write(controls.cut(Reason.BLOCKED))
            assert await ended == (False, Reason.BLOCKED)
            assert relay.refusal is None

    run(main())


def test_an_ordinary_end(run, contexts):
    async def main() -> None:
        async with session(contexts) as (edge, controls, client, relay, ended):
            client.close()
            edge.write(controls.end)
            assert await ended == (True, None)
            assert relay.refusal is None

    run(main())


@pytest.mark.parametrize("line", [b"", b"no line\n", b'{"reason":1}\n', bytes(8000)])
def test_words_that_do_not_come_or_cannot_be_read(run, contexts, line):
    async def main() -> None:
        async with session(contexts) as (edge, controls, client, relay, ended):
            control, _ = controls.cut_by(SHUT)
            edge.write(control)
            if line:
                edge.write(line)
            else:
                edge.close(notify=False)
            assert await ended == (False, None)
            assert relay.refusal is None
            assert await receive(client) == b""

    run(main())


def test_a_sweep_meanwhile_takes_the_words_for_no_data(run, contexts):
    async def main() -> None:
        async with session(contexts) as (edge, controls, client, relay, ended):
            control, line = controls.cut_by(SHUT)
            edge.write(control)
            await asyncio.sleep(0.01)
            edge.write(line)
            relay.read_on(relay.descriptors[0])
            assert await ended == (False, Reason.DENIED)
            assert await receive(client) == b""

    run(main())
