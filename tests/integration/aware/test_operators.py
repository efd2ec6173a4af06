"""What those who run an edge do to its directory while sessions run: no record is lost unseen."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from tests.fixtures.edge_process import EdgeProcess, quiet_port
from tests.fixtures.memory import watched
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = [pytest.mark.integration, pytest.mark.soak]
PATIENCE = 60.0
MEGABYTE = 1 << 20


class World:
    """An edge of a test's own, and a session that runs there."""

    def __init__(self, stack) -> None:
        self.stack = stack
        person = stack.person()
        self.edge = stack.new_edge()
        self.service = stack.aware(person, edges=(self.edge,))
        self.where = straight(person, self.edge, self.service.name)
        self.session = self.connect()
        self.session.execute("select 'said before'")
        self.recorded("said before")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.where, autocommit=True)

    def texts(self) -> list[str]:
        """Return those that are on record; one that was delivered in two chains counts once."""
        wanted = ("audit", "search", "--service", self.service.name, "--all")
        found = {each["id"]: each for each in self.stack.site.admin.data(*wanted)}
        return [each["text"] for each in found.values() if "text" in each]

    def recorded(self, text: str) -> None:
        wanted = f"select '{text}'"
        eventually(lambda: wanted in self.texts(), PATIENCE, f"{text!r} is not on record")

    def lets_in(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False


@pytest.fixture
def world(stack):
    made = World(stack)
    yield made
    made.session.close()
    made.edge.close()


def test_who_removes_the_tape_ends_sessions_and_what_was_said_is_on_record(world):
    shutil.rmtree(world.edge.directory / "tape")
    said = []

    def ends() -> bool:
        text = f"said behind it {len(said)}"
        world.session.execute(f"select '{text}'")
        said.append(text)
        return False

    with pytest.raises(psycopg.OperationalError, match="not put on record any more"):
        eventually(ends, what="a session goes on that nobody puts on record")
    eventually(world.lets_in, what="nobody is let in any more")
    with world.connect() as session:
        session.execute("select 'said on another tape'")
    world.recorded("said on another tape")
    eventually(lambda: {f"select '{each}'" for each in said} <= {*world.texts()}, PATIENCE)
    assert "somebody has removed the tape" in world.edge.messages()
    assert "Traceback" not in world.edge.messages()


def test_who_removes_what_the_auditor_keeps_has_a_new_chain_and_all_records(world):
    shutil.rmtree(world.edge.directory / "audit")
    world.session.execute("select 'said behind it'")
    world.recorded("said behind it")
    assert world.texts().count("select 'said before'") == 1
    assert "somebody has removed" in world.edge.messages()
    assert "Traceback" not in world.edge.messages()


def test_two_edges_of_one_name_lose_no_record_and_the_ca_tells_of_it(world):
    """A machine's directory was copied: both say that they are it, and go on from one chain."""
    stack, edge = world.stack, world.edge
    copied = edge.directory.parent / f"{edge.directory.name}-copied"
    world.session.close()
    edge.stop()
    shutil.copytree(edge.directory, copied, symlinks=True)
    edge.restart()
    twin = EdgeProcess(copied, quiet_port())
    try:
        elsewhere = psycopg.conninfo.make_conninfo(world.where, port=twin.port)
        for number in range(3):
            for where, name in ((world.where, "first"), (elsewhere, "second")):
                with psycopg.connect(where, autocommit=True) as session:
                    session.execute(f"select '{name} {number}'")
        for number in range(3):
            for name in ("first", "second"):
                world.recorded(f"{name} {number}")
        assert stack.audit(action="audit.fork") != []
        assert len(world.texts()) == len({*world.texts()}) == 7
    finally:
        twin.close()


SESSIONS, AT_ONCE, WARM = 10_000, 8, 400


def test_ten_thousand_sessions_leave_nothing_behind(world):
    """Nor do those that are refused, or leave in the middle of a statement: a tenth each."""
    failed: Counter[str] = Counter()

    def one(number: int) -> None:
        where = f"{world.where} options='-c nothing=1'" if number % 10 == 8 else world.where
        try:
            session = psycopg.connect(where, autocommit=True)
        except psycopg.OperationalError as error:
            failed[str(error).partition("FATAL:")[2].partition("\n")[0] or str(error)] += 1
            return
        if number % 10 == 9:
            session.pgconn.send_query(b"select pg_sleep(1)")
        else:
            session.execute("select 1")
        session.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(one, range(WARM)))
        before = world.edge.fds()
        with watched(world.edge.process.pid) as memory:
            list(threads.map(one, range(SESSIONS)))
    assert [(count, "nothing" in why) for why, count in failed.items()] == [
        ((SESSIONS + WARM) // 10, True)
    ], failed
    eventually(lambda: world.edge.fds() <= before + 4, what="the edge leaks descriptors")
    assert memory.grown < 64 * MEGABYTE
