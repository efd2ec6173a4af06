"""PostgreSQL ends an aware session first: its client hears the edge's word, or PostgreSQL's."""

import asyncio
import contextlib

import pytest

from pgward.pgwire import backend
from pgward.tunnel import farewell
from pgward.tunnel.preface import Controls, Reason, RefusedError
from tests.fixtures.aware_relay_world import ANSWER, QUERY, ROW, UPSTREAMS, World, rest_of
from tests.fixtures.inspecting import kinds, messages

ENDED = backend.error("FATAL", "57P01", "terminating connection due to administrator command")
WORDS = "your access to orders has ended"


class Granted(World):
    """A world whose person has a grant; ``ends`` has PostgreSQL end with some last bytes."""

    async def __aenter__(self):
        world = await super().__aenter__()
        world.relay._farewell._is_expected = lambda: True
        world.relay.start()
        return world

    async def ends(self, last: bytes = ENDED) -> None:
        if last:
            await self.database.send(last)
        self._open[2].close()
        held = self.relay._farewell
        while not (held.waits or held._is_over):  # noqa: ASYNC110 - the relay has no event for it
            await asyncio.sleep(0)

    def edge_ends(self) -> None:
        self.relay.end("57P01", WORDS, hint="pgward request orders", force=True)


def said(found: bytes) -> list[str]:
    return [backend.read_fields(body)["M"] for kind, body in messages(found) if kind == "E"]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("last", [ENDED, b""])
def test_the_edges_word_takes_the_place_of_postgresqls(run, contexts, upstream, last):
    async def main() -> None:
        async with Granted(contexts, upstream) as world:
            await world.up(QUERY)
            await world.ends(last)
            world.edge_ends()
            assert said(await rest_of(world.client)) == [WORDS]
            assert world.relay.ended_by == ("57P01", WORDS)
            assert await world.ended is False

    run(main())


def test_other_words_than_postgresqls_may_be_known(run, contexts, monkeypatch):
    monkeypatch.setattr(farewell, "WAIT_SECONDS", 0.01)

    async def main() -> None:
        async with Granted(contexts) as world:
            why = RefusedError(Reason.DENIED, "your grants have changed", hint="connect again")
            world.relay._why_ended = lambda: why
            await world.ends()
            [(kind, body)] = messages(await rest_of(world.client))
            fields = backend.read_fields(body)
            assert (kind, fields["S"], fields["C"]) == ("E", "FATAL", "57P01")
            assert (fields["M"], fields["H"]) == ("your grants have changed", "connect again")

    run(main())


def test_what_came_before_it_is_passed_on(run, contexts):
    async def main() -> None:
        async with Granted(contexts) as world:
            await world.up(QUERY)
            await world.ends(ANSWER + ROW + ENDED)
            assert await world.at_client(len(ANSWER + ROW)) == ANSWER + ROW
            world.edge_ends()
            assert said(await rest_of(world.client)) == [WORDS]

    run(main())


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("controls", [None, Controls(bytes(32))])
def test_postgresqls_own_word_comes_when_the_edge_has_none(
    run, contexts, monkeypatch, upstream, controls
):
    monkeypatch.setattr(farewell, "WAIT_SECONDS", 0.01)

    async def main() -> None:
        async with Granted(contexts, upstream, controls=controls) as world:
            await world.ends()
            found = await world.at_client(len(ENDED))
            assert found == ENDED
            if controls is not None:
                assert await world.client.receive() == controls.end
                await world.client.send(controls.end)
            assert await world.ended is (controls is not None)
            assert world.relay.ended_by is None

    run(main())


def test_a_client_that_goes_on_talking_is_told_all_the_same(run, contexts):
    async def main() -> None:
        async with Granted(contexts) as world:
            await world.ends()
            for _ in range(3):  # to a PostgreSQL that is gone
                await world.client.send(QUERY)
                await asyncio.sleep(0.001)
            world.edge_ends()
            assert said(await rest_of(world.client)) == [WORDS]

    run(main())


def test_a_client_that_went_on_talking_hears_postgresqls_word(run, contexts, monkeypatch):
    monkeypatch.setattr(farewell, "WAIT_SECONDS", 0.05)

    async def main() -> None:
        async with Granted(contexts) as world:
            await world.ends()
            with contextlib.suppress(OSError):  # it may be over already
                await world.client.send(QUERY)
            assert said(await rest_of(world.client)) == [
                "terminating connection due to administrator command"
            ]
            assert await world.ended is False

    run(main())


def test_a_client_that_leaves_does_not_wait(run, contexts):
    async def main() -> None:
        controls = Controls(bytes(32))
        async with Granted(contexts, controls=controls) as world:
            await world.ends()
            await world.client.send(controls.end)
            found = await world.at_client(len(ENDED + controls.end))
            assert found == ENDED + controls.end
            assert await world.ended is True

    run(main())


def test_in_the_middle_of_a_message_nothing_is_put_in(run, contexts):
    async def main() -> None:
        async with Granted(contexts) as world:
            await world.up(QUERY)
            await world.ends(ROW[:9])
            world.relay._on_end = lambda *_: None  # what it plays on stays open
            world.edge_ends()
            await world.relay.outro.play()
            world._open[0].close()
            assert await rest_of(world.client) == ROW[:9]

    run(main())


def test_without_grants_it_passes_at_once(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            await world.database.send(ENDED)
            world._open[2].close()
            assert kinds(await rest_of(world.client)) == "E"

    run(main())
