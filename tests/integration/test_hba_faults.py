"""A change cut off, or out of disk, at every single step: old or new, working, and mended next."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Cluster
from tests.fixtures import faults
from tests.fixtures.faults import Fault, Given
from tests.fixtures.material import Login, SmallCa, psql

pytestmark = pytest.mark.integration

OLD = {"roles": ("all",)}
NEW = {"roles": ("all",), "map_name": "other", "databases": ("all", "x")}


def apply(data_dir: Path, source, fields: dict) -> work.Outcome:
    found = DataDir.open(data_dir)
    host = Host(found, found.path / "pgward")
    plan = Plan(tls=host.tls_files, **fields)
    return work.apply(host, plan, source, names=("localhost",), now=datetime.now(UTC))


def refresh(data_dir: Path, source) -> work.Outcome:
    found = DataDir.open(data_dir)
    return work.refresh(Host(found, found.path / "pgward"), source, now=datetime.now(UTC))


def configuration(cluster: Cluster) -> dict[str, bytes]:
    names = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    return {name: (cluster.data_dir / name).read_bytes() for name in names}


@pytest.fixture
def alice(small_ca, tmp_path) -> Login:
    return small_ca.person(tmp_path / "alice", "alice")


@pytest.fixture
def ready(pg: Cluster, small_ca: SmallCa) -> Cluster:
    pg.psql("create role alice login")
    assert apply(pg.data_dir, small_ca, OLD).took is True
    return pg


def assert_works(cluster: Cluster, login: Login, moment: str) -> None:
    assert cluster.psql("select 1") == "1", moment
    done = psql(login.conninfo(cluster.port, "alice"))
    assert done.stdout == "alice\n", f"{moment}: {done.stderr}"


def cut_off_at_each(cluster, login, ca, fault: Fault, *, stride: int, restart: bool) -> int:
    """Go from the old to the new plan with a fault at each step; return how many it has."""
    old = configuration(cluster)
    steps: list[str] = []
    for number in itertools.count(0, stride):
        ca.renew()  # so that key and certificate change, too
        source = Given(ca.current())
        ended = faults.run(fault, number, apply, cluster.data_dir, source, NEW)
        steps = ended.steps if len(ended.steps) > len(steps) else steps
        if ended.code == 0:
            break
        moment = f"{fault.value} at step {number}: {ended.steps[-1] if ended.steps else ''}"
        assert ended.code == (-9 if fault is Fault.KILLED else 1), moment
        assert_works(cluster, login, f"{moment}, as it runs")
        cluster.reload()
        assert_works(cluster, login, f"{moment}, reloaded")
        if restart:
            cluster.stop()
            cluster.start()
            assert_works(cluster, login, f"{moment}, restarted")
        mended = refresh(cluster.data_dir, source)
        assert mended.took is True, moment
        assert not (cluster.data_dir / "pgward/journal.json").exists()
        found = configuration(cluster)
        if found != old:
            assert b"map=other" in found["pg_hba.conf"], moment
            assert b"other" in found["pg_ident.conf"], moment
            apply(cluster.data_dir, source, OLD)
        assert configuration(cluster) == old, moment
        assert_works(cluster, login, f"{moment}, mended")
        hidden = [p for p in cluster.data_dir.glob(".*") if p.suffix == ".tmp"]
        assert hidden == [], moment
    assert b"map=other" in configuration(cluster)["pg_hba.conf"]
    assert_works(cluster, login, "in the end")
    return len(steps)


@pytest.mark.soak
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_at_every_step(ready, alice, small_ca, fault) -> None:
    assert cut_off_at_each(ready, alice, small_ca, fault, stride=1, restart=True) > 30


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.FULL])
def test_a_fault_at_some_steps(ready, alice, small_ca, fault) -> None:
    assert cut_off_at_each(ready, alice, small_ca, fault, stride=29, restart=False) > 30
