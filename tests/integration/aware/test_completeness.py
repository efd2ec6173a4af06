"""Every statement that PostgreSQL executed has its record, whatever happens meanwhile.

PostgreSQL's own log is the witness. ``PGWARD_TEST_STATEMENTS=1000000`` makes it a long run.
"""

import os
import random
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import pytest

from pgward.client.home import Home
from tests.fixtures.ca import Person, Site, environment
from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.waiting import eventually
from tests.fixtures.warm import Pgward
from tests.fixtures.witness import Lane, Load, Marked, Progress, exported, seen_by_postgresql

pytestmark = pytest.mark.integration

STATEMENTS = int(os.environ.get("PGWARD_TEST_STATEMENTS", "20000"))
CLIENTS = 4  # of each of two pgbench
HOURS = 3 * 3600


def slowly(person: Person, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `pgward …`, however long it takes."""
    pipe = subprocess.PIPE
    options = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, "text": True}
    with Pgward(arguments, env=environment(person.home), **options) as process:
        said, complained = process.communicate(timeout=HOURS)
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def straight(person: Person, edge: EdgeProcess, service: str) -> str:
    """Return connection settings of a client with a login certificate and no tunnel."""
    paths = Home(person.home).paths
    return psycopg.conninfo.make_conninfo(
        host=f"{service}.edge.test",
        hostaddr="127.0.0.1",
        port=edge.port,
        user=person.name,
        sslmode="verify-full",
        sslcert=paths.cert,
        sslkey=paths.key,
        sslrootcert=paths.ca,
    )


def unique_name() -> str:
    """Return a service's name whose role no other stack has made in the PostgreSQL they share."""
    return f"torture-{secrets.token_hex(4)}"


def kill_with_its_auditor(edge: EdgeProcess) -> None:
    """End all processes of an edge at one moment, as nearly as that can be done."""
    others = psutil.Process(edge.process.pid).children(recursive=True)
    for each in others:
        each.suspend()
    edge.kill()
    for each in others:
        each.kill()


def deliver_all(edge: EdgeProcess) -> None:
    """End an edge in order, and have it begin again until the CA has all that is on its disk."""
    edge.send(signal.SIGTERM)
    edge.ended(HOURS)
    left = {*edge.directory.glob("tape/*"), *edge.directory.glob("audit/*.chunk")}
    if left:
        edge.restart()
        eventually(lambda: not any(each.exists() for each in left), HOURS, "records wait")
        eventually(lambda: not [*edge.directory.glob("audit/*.chunk")], HOURS, "records wait")


@pytest.fixture
def watched(own_stack, tmp_path):
    """A service whose statements PostgreSQL logs; its edge needs no CA to begin again."""
    person = own_stack.person()
    secret = tmp_path / "password"
    auth = {"password": {"fromFile": str(secret)}}
    service = own_stack.aware(person, name=unique_name(), postgres={"auth": auth})
    secret.touch(mode=0o600)
    secret.write_text(service.password)
    own_stack.cluster.psql(f"""alter role "{service.role}" set log_statement = 'all'""")
    return person, service


@pytest.mark.parametrize(
    ("statements", "rate"),
    [(1000, 400), pytest.param(STATEMENTS, 0, marks=pytest.mark.soak)],
    ids=["few", "many"],
)
def test_every_statement_that_postgresql_executed_has_its_record(
    own_stack, watched, tmp_path, statements, rate
):
    person, service = watched
    edge, site, log = own_stack.edge, own_stack.site, own_stack.cluster.log_path
    marked = Marked(f"w{secrets.token_hex(6)}")
    progress = Progress(log, marked)
    where = straight(person, edge, service.name)
    each = max(100, statements // 100)
    lanes = [
        Lane(where, marked, tmp_path, Load(mode, CLIENTS, each, rate))
        for mode in ("simple", "prepared")
    ]

    def more(share: float) -> None:
        """Wait for this share of the load, from now on."""
        least = progress() + share * statements
        eventually(lambda: progress() >= least, HOURS, "the load stands still")

    more(0.2)
    site.ca.kill()
    more(0.2)
    edge.kill()
    edge.restart()
    more(0.2)
    site.restart()
    more(0.2)
    kill_with_its_auditor(edge)
    edge.restart()
    more(0.2)
    for lane in lanes:
        lane.end(HOURS)
    deliver_all(edge)

    done = Done(site, tmp_path / "export", log, marked, progress.start)
    check_records(done, least=statements, most_in_flight=2 * 2 * CLIENTS)
    find_one_changed_byte(site, tmp_path / "export")


class Done(NamedTuple):
    """Where a load left its traces: the CA, an empty directory, PostgreSQL's log from a place."""

    site: Site
    export: Path
    log: Path
    marked: Marked
    start: int


def check_records(done: Done, *, least: int, most_in_flight: int) -> None:
    """Compare what PostgreSQL executed with the records."""
    slowly(done.site.admin, "audit", "export", done.export)
    executed = seen_by_postgresql(done.log, done.marked, done.start)
    recorded = exported(done.export, done.marked)
    in_flight = {key for key, said in recorded.statuses.items() if said == ["unknown"]}
    told = f"{sum(executed.values())} executed, {recorded.types}, {len(in_flight)} in flight"
    assert sum(executed.values()) >= least, told
    assert max(executed.values()) == 1
    assert executed.keys() - recorded.statuses.keys() == set(), told
    assert len(recorded.ids) == recorded.records
    assert [each for each in recorded.statuses.values() if len(each) > 1] == []
    assert {said[0] for said in recorded.statuses.values()} <= {"ok", "unknown"}
    assert recorded.statuses.keys() - executed.keys() <= in_flight
    assert len(in_flight) <= most_in_flight
    assert recorded.types["GAP"] == 0
    assert slowly(done.site.admin, "audit", "verify").returncode == 0


def find_one_changed_byte(site: Site, export: Path) -> None:
    """Change one byte of a record in an export, and one of records in the CA's own archive."""
    objects = site.ca.directory / "archive" / "audit"
    _changed(
        random.choice(sorted(export.rglob("*.ndjson"))),
        lambda: slowly(site.admin, "audit", "verify", "--directory", export).returncode,
    )
    _changed(
        random.choice(sorted(objects.rglob("*.zst"))),
        lambda: slowly(site.admin, "audit", "verify").returncode,
    )


def _changed(path: Path, verify: Callable[[], int]) -> None:
    whole = path.read_bytes()
    at = random.randrange(len(whole))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert verify() == 1, f"{path} at {at}"
    path.write_bytes(whole)
    assert verify() == 0
