"""What an edge says of its own in an aware session: notices, and why it ends one."""

import pytest

from pgward.audit.tape.frames import run as rows_of
from pgward.pgwire import backend, frontend
from pgward.tunnel import aware_relay
from tests.fixtures.aware_relay_world import ANSWER, QUERY, READY, ROW, World, rest_of
from tests.fixtures.inspecting import kinds, messages


def test_a_notice_between_messages(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            world.relay.notice("five minutes are left")
            [(kind, body)] = messages(await world.client.receive())
            assert (kind, backend.read_fields(body)["M"]) == ("N", "five minutes are left")
            assert world.relay.idle

    run(main())


def test_a_notice_waits_for_the_end_of_a_message(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.up(QUERY)
            assert await world.down(ROW[:9]) == ROW[:9]
            world.relay.notice("one")
            world.relay.notice("two")
            await world.database.send(ROW[9:] + READY)
            found = b""
            while len(found) < len(ROW[9:] + READY) + 1 or found.count(b"Mtwo\0") == 0:
                found += await world.client.receive()
            assert kinds(ROW[:9] + found) == "DZNN"

    run(main())


def test_a_polite_end_waits_until_nothing_runs(run, contexts, monkeypatch):
    monkeypatch.setattr(aware_relay, "NEXT_SECONDS", 0.01)

    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.up(QUERY)
            world.relay.end("57P05", "the session has ended", force=False)
            opened = ANSWER[:-1] + b"T"
            assert await world.down(opened) == opened
            assert not world.ended.done()
            await world.up(QUERY)
            await world.database.send(ANSWER)
            found = await rest_of(world.client)
            assert found.startswith(ANSWER)
            [(_, body)] = messages(found[len(ANSWER) :])
            assert backend.read_fields(body)["C"] == "57P05"
            assert await rest_of(world.database) == frontend.terminate()
            assert world.relay.ended_by == ("57P05", "the session has ended")

    run(main())


@pytest.mark.parametrize("answered", [False, True])
def test_a_polite_end_answers_the_next_statement(run, contexts, monkeypatch, answered):
    """Right behind an answer, which it may not have read, libpq would take it for a notice."""
    monkeypatch.setattr(aware_relay, "NEXT_SECONDS", 60)

    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.up(QUERY)
            if answered:
                assert await world.down(ANSWER) == ANSWER
            world.relay.end("57P05", "the session has ended", force=False)
            if not answered:
                assert await world.down(ANSWER) == ANSWER
            assert not world.ended.done()
            await world.client.send(QUERY)
            assert kinds(await rest_of(world.client)) == "E"
            assert await rest_of(world.database) == frontend.terminate()

    run(main())


def test_a_polite_end_of_an_idle_session_comes_after_a_while(run, contexts, monkeypatch):
    monkeypatch.setattr(aware_relay, "NEXT_SECONDS", 0.01)

    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            world.relay.end("57P05", "you were idle", hint="connect again", force=False)
            [(_, body)] = messages(await rest_of(world.client))
            assert backend.read_fields(body)["H"] == "connect again"
            world.relay.end("57P05", "again", force=True)  # is over: nothing happens
            world.relay.notice("too late")
            assert world.relay.ended_by == ("57P05", "you were idle")

    run(main())


@pytest.mark.parametrize("said", [b"", ROW[:9]])
def test_an_end_by_force_says_why_only_between_messages(run, contexts, said):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.up(QUERY)
            assert await world.down(said) == said
            world.relay.end("57P01", "your access was revoked", force=True)
            found = await rest_of(world.client)
            assert kinds(found) == ("" if said else "E")
            assert await world.ended is False

    run(main())


def test_an_outro_says_why_behind_the_message_under_way(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.up(QUERY)
            await world.down(ROW[:9])
            edge, _, _, near = world._open
            world.relay._on_end = lambda *_: None  # what it plays on stays open
            await world.database.send(ROW[9:] + ROW)
            world.relay.end("57P01", "your access was revoked", force=True)
            await world.relay.outro.play()
            edge.close()
            found = await rest_of(world.client)
            assert kinds(ROW[:9] + found) == "DE"
            assert near.fileno() != -1

    run(main())


@pytest.mark.parametrize("said", [b"", ANSWER])
def test_between_messages_no_outro_is_needed(run, contexts, said):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.up(QUERY)
            await world.down(said)
            world.relay.end("57P01", "your access was revoked", force=True)
            assert world.relay.outro is None

    run(main())


def test_no_terminate_in_the_middle_of_a_message(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            data = frontend.copy_data(bytes(100))
            assert await world.up(data[:50]) == data[:50]
            world.relay.end("57P01", "revoked", force=True)
            assert await rest_of(world.database) == b""
            assert world.tape.frames == [("COUNT", rows_of(1, 100))]

    run(main())
