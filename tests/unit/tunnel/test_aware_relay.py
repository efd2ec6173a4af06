"""The aware relay over real TLS: bytes equal and in order, what it says of its own, its ends."""

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import pytest

from pgward.audit.tape.frames import run as rows_of
from pgward.pgwire import backend, frontend
from pgward.pgwire.framing import message
from pgward.tunnel import aware_relay
from pgward.tunnel.aware_relay import AwareRelay
from pgward.tunnel.preface import CONTROL_SIZE, Controls
from pgward.tunnel.relay import BUFFER_SIZE
from pgward.tunnel.tls import TlsConnection
from tests.fixtures.inspecting import SALT, ListTape, Rules, kinds, messages, split
from tests.fixtures.links import tls_pair, unix_pair

QUERY = frontend.query("select 1")
ROW = backend.data_row([b"12345"])
READY = backend.ready(b"I")
ANSWER = backend.row_description([]) + ROW + backend.command_complete("SELECT 1") + READY
UPSTREAMS = ["plain", "tls"]


class TlsEnd:
    """One end of a TLS connection, to be read and written by a test."""

    def __init__(self, tls: TlsConnection) -> None:
        self._tls = tls

    async def send(self, data: bytes) -> None:
        for at in range(0, len(data), 16384):
            await self._retry(lambda at=at: self._tls.write(data[at : at + 16384]))

    async def receive(self) -> bytes:
        """Return what comes next, nothing at the end."""
        buffer = bytearray(BUFFER_SIZE)
        try:
            return bytes(buffer[: await self._retry(lambda: self._tls.read_into(65536, buffer))])
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError, ConnectionError):
            return b""

    async def _retry(self, attempt: Callable[[], int]) -> int:
        while True:
            try:
                return attempt()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                await asyncio.sleep(0)


class PlainEnd:
    """One end of a socket pair."""

    def __init__(self, sock) -> None:
        self.sock = sock

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def receive(self) -> bytes:
        with contextlib.suppress(ConnectionError):
            return await asyncio.get_running_loop().sock_recv(self.sock, 65536)
        return b""


@dataclass
class World:
    """A client, an aware relay and a database; ``up`` and ``down`` pass all of some bytes."""

    contexts: object
    upstream: str = "plain"
    buffers: int | None = None
    controls: Controls | None = None
    tape: ListTape = field(default_factory=ListTape)
    ruling: Rules | None = None

    async def __aenter__(self) -> Self:
        edge, tunnel = await tls_pair(self.contexts, unix_pair(self.buffers))
        self.client, self._open = TlsEnd(tunnel), [edge, tunnel]
        if self.upstream == "tls":
            far, near = await tls_pair(self.contexts, unix_pair(self.buffers))
            self.database = TlsEnd(far)
        else:
            far, near = unix_pair(self.buffers)
            self.database = PlainEnd(far)
        self._open += [far, near]
        loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        self.relay = AwareRelay(
            loop,
            edge,
            near,
            self.controls,
            self._on_end,
            tape=self.tape,
            session=7,
            salt=SALT,
            ruling=self.ruling,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.relay.stop()
        for each in self._open:
            each.close()

    def _on_end(self, clean, _reason) -> None:
        self.ended.set_result(clean)
        if not clean:
            for each in (self._open[0], self._open[3]):
                each.close()

    async def up(self, data: bytes) -> bytes:
        await self.client.send(data)
        return await self.at_database(len(data))

    async def down(self, data: bytes) -> bytes:
        await self.database.send(data)
        return await self.at_client(len(data))

    async def at_database(self, size: int) -> bytes:
        return await _take(self.database, size)

    async def at_client(self, size: int) -> bytes:
        return await _take(self.client, size)


async def _take(end, size: int) -> bytes:
    """Receive so many bytes, or all up to the end."""
    found = b""
    while len(found) < size and (part := await end.receive()):
        found += part
    return found


async def rest_of(end) -> bytes:
    return await _take(end, 1 << 40)


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


# --- what the edge says ------------------------------------------------------------------


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
