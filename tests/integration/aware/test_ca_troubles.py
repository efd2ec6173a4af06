"""What befalls a CA to which an aware edge delivers: nothing is lost, and all goes on by itself."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgward.client.machine import Machine
from pgward.core.address import Address
from pgward.tunnel.edge.auditor import status
from pgward.tunnel.edge.auditor.shelf import read_chunk
from tests.fixtures.ca import Site, make
from tests.fixtures.ca_process import CaProcess, create_ca
from tests.fixtures.disks import fill_disk
from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.faketime import Faketime
from tests.fixtures.stack import Stack
from tests.fixtures.waiting import eventually
from tests.fixtures.witness import Marked, Progress
from tests.integration.aware.test_completeness import (
    Done,
    check_records,
    deliver_all,
    straight,
    unique_name,
)

pytestmark = [pytest.mark.integration, pytest.mark.soak]
PATIENCE = 120.0


class World:
    """An edge with one audited service, whose statements PostgreSQL logs."""

    def __init__(self, stack: Stack, **options: Any) -> None:
        self.stack, self.edge = stack, stack.new_edge(**options)
        self.person = stack.person()
        self.service = stack.aware(self.person, name=unique_name(), edges=(self.edge,))
        self.where = straight(self.person, self.edge, self.service.name)
        role = self.service.role
        stack.cluster.psql(f"""alter role "{role}" set log_statement = 'all'""")
        self.marked = Marked(self.service.name.replace("-", "_"))
        self.progress = Progress(stack.cluster.log_path, self.marked)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.where, autocommit=True)

    def say(self, session: psycopg.Connection, run: int, many: int = 50) -> None:
        for number in range(many):
            session.execute(f"SELECT {run} AS {self.marked.word}, 0, {number};")

    def status(self) -> dict:
        return status.load(self.edge.directory / "audit") or {"records": 0, "targets": {}}

    def waits(self, target: str = "ca") -> dict:
        return self.status()["targets"].get(target) or {"chunks": 1, "problem": None}

    def is_delivered(self, lost: int = 0) -> None:
        """Wait until the CA has all that was said so far, but what is lost for good."""
        wanted = self.progress() - lost

        def is_there() -> bool:
            found = self.stack.site.api.get("/v1/database-sessions?limit=100")
            mine = [x for x in found["sessions"] if x["service"] == self.service.name]
            return sum(each["statements"] for each in mine) >= wanted

        eventually(is_there, PATIENCE, "records wait")

    def check(self, place: Path, least: int) -> None:
        deliver_all(self.edge)
        log = self.stack.cluster.log_path
        done = Done(self.stack.site, place, log, self.marked, self.progress.start)
        check_records(done, least=least, most_in_flight=0)


@pytest.fixture
def world_of_own_site(own_site, database):
    """A world whose CA is this test's own."""
    stack = Stack(own_site, database, "disable")
    yield World(stack)
    stack.close()


@pytest.fixture
def small_site(small_disk_of):
    """A CA on a disk of its own, which is nearly full when nobody looks."""
    disk = small_disk_of("24m")
    create_ca(disk / "ca")
    made = make(disk)
    yield made
    made.close()


@pytest.fixture
def world_with_clock(own_site, database, tmp_path):
    """A world whose CA has a clock that a test moves."""
    own_site.ca.stop()
    clock = Faketime(tmp_path)
    address = f"127.0.0.1:{own_site.ca.port}"
    own_site.ca = CaProcess(own_site.ca.directory, "--listen", address, env=clock.environment())
    stack = Stack(own_site, database, "disable")
    yield World(stack), clock
    clock.move("+0")
    stack.close()


@pytest.fixture
def world(small_site: Site, database):
    stack = Stack(small_site, database, "disable")
    yield World(stack, below=small_site.directory.parent)
    stack.close()


def test_a_disk_of_the_ca_that_fills_up_loses_nothing(world, small_site, tmp_path):
    disk = small_site.directory
    with world.connect() as session:
        world.say(session, 1)
        world.is_delivered()
        fill_disk(disk)
        for run in range(2, 6):
            world.say(session, run)
        told = eventually(lambda: world.waits()["problem"], PATIENCE, "nobody says that it waits")
        assert "no space left on device" in told or "its disk is full" in told
        world.connect().close()  # logins need no room at the CA
        (disk / "filler").unlink()
        world.say(session, 6)
    world.is_delivered()
    assert "ca takes records again" in world.edge.messages()
    assert "Traceback" not in small_site.ca.messages()
    world.check(tmp_path / "export", least=300)


@pytest.mark.parametrize("by", ["+7200", "-7200", "+259200", "-259200"])
def test_a_clock_of_the_ca_that_jumps_loses_nothing(world_with_clock, tmp_path, by):
    world, clock = world_with_clock
    with world.connect() as session:
        world.say(session, 1)
        world.is_delivered()
        clock.move(by)
        for run in range(2, 4):
            world.say(session, run)
        told = eventually(lambda: world.waits()["problem"], PATIENCE, "nobody says that it waits")
        assert "clock" in told
        world.connect().close()  # logins go by the edge's own clock
        clock.move("+0")
        world.say(session, 4)
    world.is_delivered()
    assert "ca takes records again" in world.edge.messages()
    world.connect().close()
    world.check(tmp_path / "export", least=200)


@pytest.mark.parametrize("kept", [True, False], ids=["archive", "no-archive"])
def test_a_ca_that_is_restored_has_what_its_archive_and_edges_have(
    world_of_own_site, tmp_path, kept
):
    world, stack = world_of_own_site, world_of_own_site.stack
    file = tmp_path / "backup.age"
    lost = 0 if kept else 50
    with ExitStack() as opened:
        session = opened.enter_context(world.connect())
        world.say(session, 1)
        world.is_delivered()
        stack.site.admin.ok("ca", "backup", stack.site.ca.directory, file)
        world.say(session, 2)
        world.is_delivered()
        newcomer = World(stack)
        other = opened.enter_context(newcomer.connect())
        newcomer.say(other, 1)
        newcomer.is_delivered()
        token = world.person.data("token", world.service.name)
        restore(stack.site, file, keep_archive=kept)
        world.say(session, 3)
        world.is_delivered(lost)
        if kept:
            newcomer.is_delivered()  # by nobody but the CA itself
        newcomer.say(other, 2)
    world.connect().close()
    with pytest.raises(psycopg.OperationalError, match="token is not known here"):
        psycopg.connect(token["uri"], password=token["password"])
    is_enrolled_again(stack, newcomer.edge)
    newcomer.is_delivered(lost)
    assert len(stack.audit(action="audit.gap")) == (0 if kept else 2)
    if kept:
        world.check(tmp_path / "export", least=150)
    else:
        chains = stack.site.admin.data("audit", "verify")
        assert [each["missing"] > 0 for each in chains] == [True, True]


def restore(site: Site, file: Path, *, keep_archive: bool) -> None:
    """Put a CA back to a backup, in another directory at the same address."""
    old, new = site.ca.directory, file.parent / "restored" / "ca"
    site.ca.stop()
    site.admin.ok("ca", "restore", file, new, "--passphrase-file", old / "passphrase")
    shutil.copy(old / "passphrase", new / "passphrase")
    if keep_archive:
        shutil.copytree(old / "archive", new / "archive", dirs_exist_ok=True)
    site.ca = CaProcess(new, "--listen", f"127.0.0.1:{site.ca.port}")


def is_enrolled_again(stack: Stack, edge: EdgeProcess) -> None:
    """Enrol an edge that the CA has forgotten: its chain goes on."""
    refused = "the certificate is revoked, or is no machine's; enroll again"
    eventually(lambda: refused in edge.messages(), PATIENCE, "nobody says what to do")
    name = edge.directory.name
    body = {"kind": "edge", "name": name, "dns": [f"{name}.test"]}
    token = stack.site.api.post("/v1/tokens", body)["token"]
    Machine.enroll(edge.directory, token, advertise=str(Address(*edge.address))).close()
    waiting = edge.directory / "audit"
    eventually(lambda: not [*waiting.glob("*.chunk")], PATIENCE, "records wait")


def test_what_was_refused_is_offered_beside_an_edge_that_runs(world_of_own_site, tmp_path):
    world, site = world_of_own_site, world_of_own_site.stack.site
    kept, audit = tmp_path / "kept.chunk", world.edge.directory / "audit"
    with world.connect() as session:
        site.ca.stop()
        world.say(session, 1)
        first = eventually(lambda: min(audit.glob("*.chunk"), default=None), PATIENCE)
        shutil.copy(first, kept)
        site.restart()
        world.is_delivered()
        name = f"{read_chunk(kept)[0].manifest.chain}-{1:018}"
        refused = audit / "refused"
        refused.mkdir(mode=0o700)
        (refused / f"{name}.json").write_text('{"ca": "it was not well"}')
        kept.rename(refused / f"{name}.chunk")
        eventually(lambda: world.status().get("refused") == 1, PATIENCE, "it is not seen")
        (row,) = site.admin.data("edge", "refused", world.edge.directory)
        assert (row["chunk"], row["why"]) == (name, "ca: it was not well")
        site.admin.ok("edge", "refused", world.edge.directory, "--offer")
        eventually(lambda: world.status().get("refused") == 0, PATIENCE, "it is not forgotten")
        world.say(session, 2)
    world.is_delivered()
    chains = site.admin.data("audit", "verify")
    assert [each["missing"] for each in chains] == [0, 0]
    found = site.api.get("/v1/database-sessions")["sessions"]
    assert [each["statements"] for each in found] == [100]  # though some came in two chains
