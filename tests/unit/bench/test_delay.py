import asyncio

import pytest

from bench.delay import Path, Relay, precise_loop
from pgward.core.address import Address


def test_the_first_byte_waits_for_the_handshake_and_one_way():
    # Sent at once, as connect() to the relay returned at once.
    assert Path(opened=10.0, round_trip=0.04).leaves(10.0) == pytest.approx(10.06)


def test_a_byte_within_the_handshake_waits_for_its_end():
    assert Path(opened=10.0, round_trip=0.04).leaves(10.039) == pytest.approx(10.06)


def test_later_bytes_are_one_way_late():
    assert Path(opened=10.0, round_trip=0.04).leaves(11.0) == pytest.approx(11.02)


def test_what_came_first_leaves_first():
    path = Path(opened=0.0, round_trip=0.04)
    leaving = [path.leaves(moment / 1000) for moment in range(100)]
    assert leaving == sorted(leaving)


def test_a_question_and_its_answer_take_the_round_trips_of_a_real_network():
    first, second, end = in_loop(_two_questions())
    assert 0.04 <= first < 0.2  # one round trip for the handshake, one for the question
    assert 0.02 <= second < 0.15
    assert end == b""


def test_order_and_content_survive():
    sent = bytes(range(256)) * 4096
    assert in_loop(_through(sent)) == sent


def test_a_refused_target_closes_the_connection():
    assert in_loop(_to_nobody()) == b""


def in_loop(work):
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        return runner.run(_to_its_end(work))


async def _to_its_end(work):
    result = await work
    while serving := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(serving, timeout=5)
    await asyncio.sleep(0)  # transports close a turn later
    return result


async def _echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _relayed(target):
    server = await Relay(Address(*target), 0.02).start()
    return server, await asyncio.open_connection(*server.sockets[0].getsockname())


async def _two_questions():
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as echo:
        relay, (reader, writer) = await _relayed(echo.sockets[0].getsockname())
        async with relay:
            first, second = [await _question(reader, writer) for _ in range(2)]
            writer.write_eof()
            end = await reader.read()
            writer.close()
            return first, second, end


async def _question(reader, writer):
    clock = asyncio.get_running_loop().time
    begun = clock()
    writer.write(b"?")
    await reader.readexactly(1)
    return clock() - begun


async def _through(sent):
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as echo:
        relay, (reader, writer) = await _relayed(echo.sockets[0].getsockname())
        async with relay:
            writer.write(sent)
            received = await reader.readexactly(len(sent))
            writer.close()
            await reader.read()
            return received


async def _to_nobody():
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as closed:
        target = closed.sockets[0].getsockname()
    relay, (reader, writer) = await _relayed(target)
    async with relay:
        received = await reader.read()
        writer.close()
        return received
