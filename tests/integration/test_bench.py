"""The bench's peers lead to a real PostgreSQL, and its measures give what they promise."""

import shutil
from dataclasses import replace
from functools import partial

import psutil
import pytest

from bench import certificates
from bench.copying import copy_in, copy_out
from bench.database import running_database
from bench.lab import Lab, open_lab
from bench.measures.aware import WAYS, measure_aware
from bench.measures.connects import measure_connects
from bench.measures.memory import measure_memory
from bench.options import Plan, parse
from bench.peers import STARTERS, Site, straight
from bench.processes import BenchError
from bench.sessions import connect_times, idle, wait_ready
from pgward.system.postgres import temporary_directory

pytestmark = pytest.mark.integration

PAIRS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not here"),
    )
    for name, program in (("haproxy", "haproxy"), ("haproxy-1", "haproxy"), ("stunnel", "stunnel"))
]
TINY = Plan(
    rounds=1, seconds=1, scale=1, copy_megabytes=1, idle_connections=10, memory_rounds=1, connects=2
)


@pytest.fixture(scope="module")
def directory():
    with temporary_directory() as made:
        yield made


@pytest.fixture(scope="module")
def database(directory):
    with running_database(directory, scale=1, copy_megabytes=1) as running:
        yield running


@pytest.fixture
def start(database, tmp_path):
    site = Site(tmp_path, certificates.make(tmp_path), database.address, straight)
    return lambda name: STARTERS[name](site)


@pytest.fixture
def lab(database, tmp_path):
    return partial(Lab, TINY, directory=tmp_path, database=database, authority=None)


@pytest.mark.soak
@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_carries_sessions_and_copies_and_stops(name, start, database):
    with start(name) as peer:
        wait_ready(peer.address)
        with idle(peer.address, 3, "three"):
            assert sessions(database, "three") == 3
        assert copy_out(database, peer.address) > 0
        assert copy_in(database, peer.address) > 0
        assert database.psql("select count(*) from copied_in") == database.psql(
            "select count(*) from copied_out"
        )
        pids = [pid for hop in peer.hops.values() for pid in hop]
        assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("name", PAIRS)
def test_a_stranger_does_not_get_through_a_pair(name, tmp_path, database):
    own, other = (tmp_path / part for part in ("own", "other"))
    for made in (own, other):
        made.mkdir()
    mixed = certificates.Certificates(
        server=certificates.make(own).server,
        client=certificates.make(other).client,
        server_roots=own / "server-roots.crt",
        user_roots=own / "user-roots.crt",
        server_name="localhost",
    )
    site = Site(tmp_path, mixed, database.address, straight)
    with STARTERS[name](site) as peer, pytest.raises(BenchError, match="no session through"):
        wait_ready(peer.address, timeout=1)


def test_a_slow_network_costs_direct_connections_two_round_trips_and_a_query_one(lab):
    with lab(peers=("direct",)).start("direct", round_trip=0.02) as peer:
        ready, answered = connect_times(peer.address, 3)
    assert ready >= 40
    assert answered >= 60


def test_connects_are_measured_with_the_cpu_of_direct_having_no_hops(lab):
    made = lab(peers=("direct",))
    measure_connects(made)
    assert set(made.samples.metrics) == {"connect.1", "connect.8"}
    assert all(row.value > 0 for row in made.samples.rows)


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not here")
def test_memory_is_measured_at_both_hops(lab):
    made = lab(peers=("direct", "haproxy"))
    measure_memory(made)
    values = {row.metric: row.value for row in made.samples.rows}
    assert set(values) == {"memory.both", "memory.client", "memory.edge"}
    assert values["memory.both"] == pytest.approx(values["memory.client"] + values["memory.edge"])


def sessions(database, name):
    return int(
        database.psql(
            f"select count(*) from pg_stat_activity where application_name = 'bench-{name}'"
        )
    )


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is not here")
def test_the_aware_edge_is_measured_with_all_that_it_costs():
    plan = replace(TINY, copy_megabytes=1)
    options = replace(parse(["--only", "aware"]), plan=plan)
    with temporary_directory() as made, open_lab(options, made) as lab:
        measure_aware(lab)
    found = {(row.metric, row.peer): row.value for row in lab.samples.rows}
    for way in WAYS:
        assert found["aware.simple", way] > 0
        assert found["aware-cpu.simple.postgres", way] > 0
    assert found["aware-cpu.simple.auditor", "edge-aware"] > 0
    assert ("aware-cpu.simple.auditor", "edge-tcp") not in found
