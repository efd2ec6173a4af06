"""Two workers of one edge: each has a tape, keys of cancel requests, and may be killed."""

import json
import signal
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg
import pytest

from tests.fixtures.waiting import eventually
from tests.fixtures.witness import Lane, Load, Marked, Progress
from tests.integration.aware.test_completeness import (
    CLIENTS,
    HOURS,
    Done,
    check_records,
    deliver_all,
    straight,
    unique_name,
)
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration


class World:
    """An edge of two workers, and somebody who may use a service behind it."""

    def __init__(self, stack):
        self.stack, self.site = stack, stack.site
        self.edge = stack.new_edge("--workers", "2")
        self.person = stack.person()
        self.service = stack.aware(self.person, name=unique_name(), edges=(self.edge,))
        self.where = straight(self.person, self.edge, self.service.name)
        eventually(lambda: all(self.lets_in() for _ in range(8)), what="nobody is let in")

    def known(self, service) -> list[dict]:
        """Return the sessions of a service that the CA knows."""
        return self.site.api.get(f"/v1/database-sessions?service={service.name}")["sessions"]

    def lets_in(self, where: str | None = None) -> bool:
        try:
            psycopg.connect(where or self.where).close()
        except psycopg.OperationalError:
            return False
        return True

    def workers(self) -> list[psutil.Process]:
        """Return the workers: an auditor is the child of one."""
        return psutil.Process(self.edge.process.pid).children()


@pytest.fixture
def world(own_stack):
    return World(own_stack)


def test_cancels_reach_the_worker_that_has_the_session(world):
    for _ in range(6):
        with psycopg.connect(world.where, autocommit=True) as session:
            assert cancelled(session)


def test_a_one_time_password_is_good_once_at_all_workers(world):
    uri = world.person.data("otp", world.service.name)["uri"]

    def said(_number: int) -> str:
        try:
            psycopg.connect(uri).close()
        except psycopg.OperationalError as error:
            return str(error)
        return "let in"

    with ThreadPoolExecutor(8) as threads:
        told = sorted(threads.map(said, range(8)))
    assert told.pop() == "let in"
    assert all("not known here, was used, or is too old" in each for each in told), told


@pytest.mark.soak
def test_one_auditor_reads_the_answers_that_each_worker_encrypts(world):
    service = world.stack.aware(
        world.person, edges=(world.edge,), postgres={"recording": "results"}
    )
    where = straight(world.person, world.edge, service.name)
    eventually(lambda: world.lets_in(where), what="nobody is let in")
    seen = 0
    while seen < 8 or len({each["id"].partition("-")[0] for each in world.known(service)}) < 2:
        with psycopg.connect(where, autocommit=True) as session:
            session.execute("select 'se' || 'en'")
        seen += 1
    eventually(lambda: sum(each["statements"] for each in world.known(service)) == seen)
    api, said = world.site.api, b""
    for each in world.known(service):
        path = f"/v1/database-sessions/{each['id']}"
        eventually(lambda path=path: (api.get(path)["recording"] or {}).get("complete"))
        for line in api.get_bytes(f"{path}/recording").splitlines():
            said += b64decode(json.loads(line).get("data", ""))
    assert said.count(b"seen") == seen


@pytest.mark.soak
def test_records_are_complete_when_workers_are_killed(world, tmp_path):
    log = world.stack.cluster.log_path
    world.stack.cluster.psql(f"""alter role "{world.service.role}" set log_statement = 'all'""")
    marked = Marked("wtwo" + world.service.name.replace("-", "x"))
    progress = Progress(log, marked)
    lanes = [
        Lane(world.where, marked, tmp_path, Load(mode, CLIENTS, 200, 400))
        for mode in ("simple", "prepared")
    ]

    def more() -> None:
        least = progress() + 500
        eventually(lambda: progress() >= least, HOURS, "the load stands still")

    for number in range(4):
        eventually(lambda: len(world.workers()) == 2, what="no worker was started again")
        killed = world.workers()[number % 2]
        more()
        killed.send_signal(signal.SIGKILL)
        eventually(lambda gone=killed: gone not in world.workers(), what="it lives on")
    more()
    for lane in lanes:
        lane.end(HOURS)
    deliver_all(world.edge)
    done = Done(world.site, tmp_path / "export", log, marked, progress.start)
    check_records(done, least=2500, most_in_flight=4 * 2 * CLIENTS)
