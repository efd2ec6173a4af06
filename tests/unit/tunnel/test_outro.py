"""Last words behind the rest of a message, over real TLS."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest

from pgward.tunnel import outro as module
from pgward.tunnel.outro import Outro
from pgward.tunnel.tls import TlsConnection
from pgward.tunnel.tls_plain import TlsPlain
from tests.fixtures.links import receive, tls_pair, unix_pair
from tests.fixtures.session_bench import read_record

WORDS = b"FATAL: your access was revoked"


@asynccontextmanager
async def world(contexts, buffers: int | None = None):
    edge, client = await tls_pair(contexts, unix_pair(buffers))
    database, plain = unix_pair()
    yield edge, client, database, plain
    for each in (edge, client, database, plain):
        each.close()


async def heard(client, size: int) -> bytes:
    said = b""
    while len(said) < size:
        said += await read_record(client)
    return said


def fill(tls: TlsConnection, data: bytes) -> int:
    """Write until nothing more is taken; return how often all of it was."""
    for times in range(1_000_000):
        try:
            tls.write(data)
        except ssl.SSLWantWriteError:
            return times
    raise AssertionError


@pytest.mark.parametrize("at_once", [True, False])
def test_words_come_behind_what_a_message_lacks(run, contexts, at_once):
    async def main() -> None:
        async with world(contexts) as (edge, client, database, plain):
            outro = Outro(edge, plain, b"", 10, WORDS)
            database.send(b"01234" if not at_once else b"0123456789 and another row")
            playing = asyncio.ensure_future(outro.play())
            if not at_once:
                assert await heard(client, 5) == b"01234"
                assert not playing.done()
                database.send(b"56789 and another row")
            await playing
            said = await heard(client, (5 if not at_once else 10) + len(WORDS))
            assert said == (b"56789" if not at_once else b"0123456789") + WORDS

    run(main())


def test_a_database_over_tls(run, contexts):
    async def main() -> None:
        async with world(contexts) as (edge, client, _database, _plain):
            far, near = await tls_pair(contexts)
            row = bytes(range(250)) * 200  # several records
            far.write(row + b"the next row")
            await Outro(edge, TlsPlain(near), b"", len(row), WORDS).play()
            assert await heard(client, len(row) + len(WORDS)) == row + WORDS
            far.close()
            near.close()

    run(main())


@pytest.mark.parametrize("words", [WORDS, b""])
def test_what_tls_has_begun_to_write_comes_first(run, contexts, words):
    async def main() -> None:
        async with world(contexts, 4096) as (edge, client, _database, plain):
            waiting = b"w" * 16384
            filled = fill(edge, waiting)
            playing = asyncio.ensure_future(Outro(edge, plain, waiting, 0, words).play())
            expected = waiting * (filled + 1) + words
            assert await heard(client, len(expected)) == expected
            await playing

    run(main())


@pytest.mark.parametrize("why", ["silent", "gone", "too long"])
def test_a_message_that_does_not_come_whole(run, contexts, monkeypatch, why):
    monkeypatch.setattr(module, "OUTRO_SECONDS", 0.01)

    async def main() -> None:
        async with world(contexts) as (edge, client, database, plain):
            left = module.MOST_LEFT + 1 if why == "too long" else 10
            database.send(b"01234")
            if why == "gone":
                database.close()
            await Outro(edge, plain, b"", left, WORDS).play()
            edge.close()
            said = b"" if why == "too long" else b"01234"
            if said:
                assert await read_record(client) == said
            assert await read_record(client) == b""

    run(main())


def test_a_client_that_is_gone(run, contexts):
    async def main() -> None:
        async with world(contexts) as (edge, client, database, plain):
            client.close(notify=False)
            database.send(b"0123456789")
            await Outro(edge, plain, b"", 10, WORDS).play()
            plain.close()
            assert await receive(database) == b""

    run(main())
