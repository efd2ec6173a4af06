"""The aware relay over real TLS: bytes equal and in order, its ends."""

import asyncio
import itertools

import pytest

from pgward.audit.tape.frames import run as rows_of
from pgward.pgwire import backend, frontend
from pgward.pgwire.framing import message
from pgward.tunnel.aware_relay import AwareRelay
from pgward.tunnel.preface import CONTROL_SIZE, Controls
from tests.fixtures.aware_relay_world import (
    ANSWER,
    QUERY,
    READY,
    UPSTREAMS,
    World,
    rest_of,
)
from tests.fixtures.inspecting import ListTape, Rules, kinds, messages, split


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_question_and_its_answer(run, contexts, upstream):
    async def main() -> None:
        async with World(contexts, upstream) as world:
            before = world.relay.last_active
            world.relay.start()
            assert await world.up(QUERY) == QUERY
            assert not world.relay.idle
            assert await world.down(ANSWER) == ANSWER
            assert (world.relay.idle, world.relay.in_transaction) == (True, False)
            assert world.relay.last_active >= before
            assert [kind for kind, _ in world.tape.frames] == ["UP", "DOWN"]

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_what_was_read_before_comes_first(run, contexts, upstream):
    async def main() -> None:
        async with World(contexts, upstream) as world:
            notice = backend.notice("NOTICE", "00000", "hello")
            world.relay.start(QUERY, notice)
            assert await world.at_database(len(QUERY)) == QUERY
            assert await world.at_client(len(notice)) == notice
            assert world.tape.of("UP") == QUERY

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("buffers", [None, 4096])
def test_much_both_ways_at_once(run, contexts, upstream, buffers):
    """The client asks ten thousand times and reads late: both ways are full in between."""

    async def main() -> None:
        asked, answered = QUERY * 10_000, ANSWER * 10_000
        async with World(contexts, upstream, buffers) as world:
            world.relay.start()
            said = await asyncio.gather(
                world.client.send(asked),
                world.database.send(answered),
                world.at_database(len(asked)),
                world.at_client(len(answered)),
            )
            assert said[2:] == [asked, answered]
            assert world.tape.of("UP") == asked

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_large_statements_copy_and_large_rows(run, contexts, upstream):
    async def main() -> None:
        async with World(contexts, upstream, 32768) as world:
            world.relay.start()
            large = frontend.query("x" * 500_000)
            copy = frontend.copy_data(bytes(300_000)) + frontend.copy_done()
            row = backend.data_row([bytes(500_000)])
            forth, back = large + copy + QUERY, row + ANSWER
            said = await asyncio.gather(
                world.client.send(forth),
                world.database.send(back),
                world.at_database(len(forth)),
                world.at_client(len(back)),
            )
            assert said[2:] == [forth, back]
            assert world.tape.of("COUNT") == rows_of(1, 300_000)

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_what_is_no_message_ends_the_session_and_never_reaches_postgresql(run, contexts, upstream):
    async def main() -> None:
        async with World(contexts, upstream) as world:
            world.relay.start()
            await world.client.send(b"GET / HTTP/1.1\r\n\r\n")
            [(kind, body)] = messages(await rest_of(world.client))
            assert (kind, backend.read_fields(body)["C"]) == ("E", "08P01")
            assert backend.read_fields(body)["S"] == "FATAL"
            assert await rest_of(world.database) == frontend.terminate()
            assert await world.ended is False
            assert world.relay.ended_by[0] == "08P01"

    run(main())


def test_a_full_tape_ends_the_session(run, contexts):
    async def main() -> None:
        async with World(contexts, tape=ListTape(full=True)) as world:
            world.relay.start()
            await world.client.send(QUERY)
            [(_, body)] = messages(await rest_of(world.client))
            assert backend.read_fields(body)["C"] == "53100"
            assert await rest_of(world.database) == frontend.terminate()

    run(main())


class Broken(Rules):
    """A ruling with a fault."""

    def statement(self, kind, text, *, whole):
        raise LookupError(kind, text, whole)


def test_a_fault_of_the_edge_ends_the_session_and_lets_nothing_pass(run, contexts, caplog):
    async def main() -> None:
        async with World(contexts, ruling=Broken()) as world:
            world.relay.start()
            await world.client.send(QUERY)
            [(_, body)] = messages(await rest_of(world.client))
            assert backend.read_fields(body)["C"] == "XX000"
            assert await rest_of(world.database) == frontend.terminate()

    run(main())
    assert "a fault of the edge: LookupError" in caplog.text
    assert "select 1" not in caplog.text


def test_an_answer_that_cannot_be_read_ends_the_session(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.database.send(b"\0\0\0\0\0\0")
            [(_, body)] = messages(await rest_of(world.client))
            assert backend.read_fields(body)["C"] == "08006"

    run(main())


def test_a_denied_statement_is_told_and_the_session_goes_on(run, contexts):
    async def main() -> None:
        async with World(contexts, ruling=Rules()) as world:
            world.relay.start()
            await world.client.send(frontend.query("delete from t"))
            word = (await world.database.receive())[5:].split()[0].decode()
            await world.database.send(backend.error("ERROR", "42601", f'near "{word}"') + READY)
            found = await world.client.receive()
            assert kinds(found) == "EZ"
            assert b"nothing is deleted on a Friday" in found
            assert await world.up(QUERY) == QUERY

    run(main())


# --- ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_postgresql_ends_after_a_terminate(run, contexts, upstream):
    async def main() -> None:
        async with World(contexts, upstream) as world:
            world.relay.start()
            await world.up(frontend.terminate())
            world._open[2].close()
            assert await world.ended is False
            assert await rest_of(world.client) == b""

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_last_words_after_the_client_s_end_are_inspected(run, contexts, upstream):
    async def main() -> None:
        controls = Controls.new()
        async with World(contexts, upstream, controls=controls) as world:
            world.relay.start()
            await world.up(QUERY)
            await world.client.send(controls.end)
            await world.database.send(ANSWER)  # as PostgreSQL, which reads only between statements
            world._open[2].close()
            assert await world.at_client(len(ANSWER) + CONTROL_SIZE) == ANSWER + controls.end
            assert await world.ended is True
            assert world.tape.of("DOWN") != b""

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_last_words_come_though_postgresql_takes_nothing_more(run, contexts, upstream):
    """A backend that is terminated while its client sends: whichever way is looked at first."""

    async def main() -> None:
        async with World(contexts, upstream) as world:
            world.relay.start()
            fatal = backend.error("FATAL", "57P01", "terminated")
            await world.database.send(fatal)
            world._open[2].close()
            await world.client.send(QUERY)
            world.relay._inbound()
            assert await rest_of(world.client) == fatal
            assert await world.ended is False
            assert "DOWN" in [kind for kind, _ in world.tape.frames]

    run(main())


def test_a_control_is_no_message(run, contexts):
    async def main() -> None:
        controls = Controls.new()
        async with World(contexts, controls=controls) as world:
            world.relay.start(controls.end)
            assert await rest_of(world.database) == b""
            assert world.tape.frames == []

    run(main())


def test_records_of_any_size_with_tls_behind(run, contexts):
    """PostgreSQL's records are 8 KiB at most: they are gathered, and nothing is forgotten."""

    async def main() -> None:
        async with World(contexts, "tls") as world:
            world.relay.start()
            data = message(b"D", bytes(3_000_000))
            sizes = itertools.cycle([8192, 8192, 16384, 8192, 1, 8191, 16384, 16384, 16384, 16384])

            async def say() -> None:
                for part in split(data, sizes):
                    await world.database.send(part)

            _, found = await asyncio.gather(say(), world.at_client(len(data)))
            assert found == data

    run(main())


def test_the_collector_is_not_needed(run, contexts):
    async def main() -> None:
        import gc  # noqa: PLC0415 - only here

        gc.collect()
        gc.disable()
        try:
            before = sum(isinstance(each, AwareRelay) for each in gc.get_objects())
            for _ in range(3):
                async with World(contexts, ruling=Rules()) as world:
                    world.relay.start()
                    await world.up(QUERY)
                    world.relay.notice("x")
                del world.relay
            del world
            after = sum(isinstance(each, AwareRelay) for each in gc.get_objects())
        finally:
            gc.enable()
        assert after == before

    run(main())
