"""A PostgreSQL that means harm, behind a real edge: once it has let the edge in.

Whatever it says, the session ends or goes on; nothing else does, and the record has it.
"""

import asyncio
from collections.abc import Iterator
from itertools import repeat

import psycopg
import pytest

from pgward.pgwire import backend, frontend
from pgward.pgwire.framing import message
from tests.fixtures.crude_client import CrudeClient
from tests.fixtures.impostor import Impostor, impostor
from tests.fixtures.memory import watched
from tests.fixtures.scripted_backend import Talk, read_message, read_startup, welcome
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration

READY = backend.ready()
DONE = backend.command_complete("SELECT 1") + READY
ANSWER = backend.row_description([]) + backend.data_row([b"1"]) + DONE
NOTICE = backend.notice("NOTICE", "00000", "x" * 1000)
ERROR = backend.error("ERROR", "XX000", "no")
COPY_OUT = backend.copy_response(backend.COPY_OUT, 0, [0])
COPY_BOTH = backend.copy_response(backend.COPY_BOTH, 0, [])
QUERY = frontend.query("select 1")
GOOD = (backend.DATA_ROW, backend.values([b"good"]))
GOOD_ANSWER = backend.row_description([]) + message(*GOOD) + DONE
MEGABYTE = 1 << 20

IS_NO_ANSWER = {
    "garbage": b"\xff" * 1000,
    "HTTP": b"HTTP/1.1 200 OK\r\n\r\n",
    "an unknown type": message(b"!", b"x"),
    "a length of 3": b"Z\0\0\0\3I",
    "a row of length 3": b"D\0\0\0\3" * 50,
    "COPY data of length 0": b"d\0\0\0\0" * 50,
    "a length of 4 GB": b"C\xff\xff\xff\xff",
    "a tag of 1 GB": b"C\x3f\xff\xff\xff",
    "a status of 1 GB": b"Z\x3f\xff\xff\xff",
    "parameter types of 1 GB": b"t\x3f\xff\xff\xff",
    "a login that begins again": backend.authentication_sasl(["SCRAM-SHA-256"]),
    "a question for the password": backend.authentication(backend.AUTH_CLEAR_TEXT),
    "that it is logged in": backend.authentication(backend.AUTH_OK),
    "another key": backend.key_data(7, b"keys"),
    "a key of 100 KB": message(b"K", bytes(100_000)),
    "another version of the protocol": message(b"v", bytes(8)),
    "a client's message": frontend.password(b"x"),
    "a setting that is none": message(b"S", b"client_encoding"),
}

MAY_BE = {
    "ready twice": DONE + READY + READY,
    "ready at once, and the answer": READY + ANSWER,
    "ready without a status": backend.command_complete("SELECT 1") + b"Z\0\0\0\4",
    "ready with a long status": message(b"Z", b"no status at all") + READY,
    "answers to nothing": (message(b"1") + message(b"2") + message(b"3") + message(b"s")) * 99
    + ANSWER,
    "thousands of errors": ERROR * 5000 + READY,
    "an error of nothing": message(b"E") + message(b"E", b"\0") + message(b"E", b"C") + READY,
    "an error of 1 MB": message(b"E", b"M" + b"x" * MEGABYTE + b"\0\0") + READY,
    "a tag that is no text": message(b"C", b"\xff\xfe SELECT \xd9\xa3\0") + READY,
    "more rows than there are numbers": backend.command_complete("SELECT " + "9" * 19) * 3 + READY,
    "a tag without an end": message(b"C", b"") + message(b"C", b"SELECT") + READY,
    "COPY that nobody asked for": COPY_OUT + message(b"d", b"1\n") * 999 + message(b"c") + DONE,
    "COPY without an end": COPY_OUT + message(b"d", b"1") + DONE,
    "COPY both ways": COPY_BOTH + message(b"d", b"1") + message(b"c") + DONE,
    "parameter types that lie": message(b"t", b"\xff\xff\0") + message(b"t") + ANSWER,
    "rows that lie": message(b"T", b"\xff\xff") + message(b"D", b"\xff\xff") * 99 + DONE,
    "notices without end": NOTICE * 5000 + message(b"A", b"") + ANSWER,
}


def login(talk: Talk) -> Talk:
    """Let the edge in, and go on as told; probes of the edge's health say nothing."""

    async def welcoming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_startup(reader)
        writer.write(welcome(4711, server_version="18.0", client_encoding="UTF8"))
        await talk(reader, writer)

    return welcoming


def once(answer: bytes) -> Talk:
    """Give this answer, and good ones to all that is asked later."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(answer)
        while (await read_message(reader))[0] != b"X":
            writer.write(GOOD_ANSWER)

    return login(talk)


class World:
    """An edge with a service whose PostgreSQL is none, and a session on one that is."""

    def __init__(self, stack, server: Impostor) -> None:
        self.stack, self.server = stack, server
        self.person = stack.person("analysts")
        self.edge = stack.new_edge()
        self.evil = stack.aware(self.person, edges=(self.edge,), upstream=server.address)
        good = stack.aware(self.person, edges=(self.edge,))
        self.session = psycopg.connect(straight(self.person, self.edge, good.name), autocommit=True)
        self.fds = self.edge.fds()

    def client(self) -> CrudeClient:
        return CrudeClient(self.edge, self.evil.name, self.person)

    def check(self) -> None:
        """See that others go on, and that nothing is left."""
        assert self.session.execute("select 1").fetchone() == (1,)
        assert self.edge.process.poll() is None
        assert "Traceback" not in self.edge.messages()
        eventually(lambda: self.edge.fds() <= self.fds + 2, what="the edge leaks descriptors")

    def records(self, application: str) -> list[dict[str, object]]:
        """What is on record of the session that is called so, once its end is."""
        found: list[dict[str, object]] = []

        def ended() -> bool:
            wanted = ("audit", "search", "--service", self.evil.name, "--all")
            every = self.stack.site.admin.data(*wanted)
            found[:] = [each for each in every if each.get("application") == application]
            return any(each["type"] == "SESSION_END" for each in found)

        eventually(ended, what="the end of a session is not on record")
        return sorted(found, key=lambda each: str(each["time"]))


@pytest.fixture(scope="module")
def world(stack) -> Iterator[World]:
    with impostor() as server:
        made = World(stack, server)
        yield made
        made.session.close()
        made.edge.close()


@pytest.mark.parametrize("said", IS_NO_ANSWER)
def test_what_is_no_answer_ends_its_session_and_nothing_else(world, said):
    world.server.says = once(IS_NO_ANSWER[said])
    with world.client() as client:
        client.log_in()
        client.say(QUERY)
        error = client.end()
    assert error is not None
    assert (error["S"], error["C"]) == ("FATAL", "08006")
    assert "PostgreSQL's answer cannot be read" in error["M"]
    world.check()


@pytest.mark.parametrize("said", MAY_BE)
def test_what_may_be_an_answer_passes_and_the_session_goes_on(world, said):
    world.server.says = once(MAY_BE[said])
    with world.client() as client:
        client.log_in()
        client.say(QUERY)
        client.until(backend.READY)
        client.say(QUERY)
        while (told := client.next()) != GOOD:
            assert told is not None
        assert [kind for kind, _ in client.until(backend.READY)] == [b"C", b"Z"]
        client.say(frontend.terminate())
        assert client.end() is None
    world.check()


def test_all_of_it_is_on_record_and_the_auditor_goes_on(world):
    world.server.says = once(b"".join(MAY_BE.values()))
    with world.client() as client:
        client.log_in(application_name="all")
        client.say(QUERY, QUERY, frontend.sync(), frontend.terminate())
        while client.next() is not None:
            pass
    told = world.records("all")
    assert [each["text"] for each in told if "text" in each] == ["select 1"] * 2
    world.check()


def test_who_ended_a_session_that_could_not_be_read_is_on_record(world):
    world.server.says = once(IS_NO_ANSWER["another key"])
    with world.client() as client:
        client.log_in(application_name="another key")
        client.say(QUERY)
        client.end()
    _, said, last = world.records("another key")
    assert (said["text"], said["status"]) == ("select 1", "unknown")
    assert (last["sqlstate"], last["reason"]) == (
        "08006",
        "PostgreSQL's answer cannot be read: type 75, length 12",
    )


def test_an_answer_comes_through_byte_by_byte(world):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        for at in range(len(ANSWER)):
            writer.write(ANSWER[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    world.server.says = login(talk)
    with world.client() as client:
        client.log_in()
        client.say(QUERY)
        assert [kind for kind, _ in client.until(backend.READY)] == [b"T", b"D", b"C", b"Z"]
    world.check()


@pytest.mark.parametrize("size", [0, 3, 30, len(ANSWER) - 1])
def test_a_server_that_leaves_in_the_middle_of_an_answer(world, size):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(ANSWER[:size])

    world.server.says = login(talk)
    with world.client() as client:
        client.log_in()
        client.say(QUERY)
        assert client.end() is None
    world.check()


def test_a_server_that_never_answers_holds_up_nobody_else_and_goes_with_its_client(world):
    async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    world.server.says = login(talk)
    clients = [world.client() for _ in range(5)]
    for client in clients:
        client.log_in()
        client.say(QUERY)
    assert world.session.execute("select 1").fetchone() == (1,)
    for client in clients:
        client.socket.close()
    eventually(lambda: not world.server.connections, what="PostgreSQL never hears of the end")
    world.check()


def endless(data: bytes) -> Talk:
    """Say the same for as long as it is taken."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for each in repeat(data * (MEGABYTE // len(data))):
            writer.write(each)
            await writer.drain()

    return login(talk)


FLOODS = {
    "notices": NOTICE,
    "settings": backend.parameter_status("work_mem", "x" * 500),
    "ready": READY,
    "errors": ERROR,
    "answers": DONE,
    "rows": backend.data_row([b"x" * 50_000]),
}


@pytest.mark.soak
@pytest.mark.parametrize("said", FLOODS)
def test_a_flood_waits_for_its_client_and_takes_no_memory(world, said):
    """The client reads some megabytes and leaves; others are served all the time."""
    world.server.says = endless(FLOODS[said])
    with watched(world.edge.process.pid) as memory, world.client() as client:
        client.log_in()
        for _ in range(64):
            client.socket.recv(1 << 16)
            assert world.session.execute("select 1").fetchone() == (1,)
    assert memory.grown < 24 * MEGABYTE
    eventually(lambda: not world.server.connections, what="PostgreSQL never hears of the end")
    world.check()
