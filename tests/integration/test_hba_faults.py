"""A change cut off, or out of disk, at every single step: old or new, working, and mended next."""

import itertools
from collections.abc import Callable

import pytest

from pgward.system.postgres import Cluster
from tests.fixtures import faults
from tests.fixtures.applied import (
    apply_at,
    configuration,
    gets_in,
    refresh_at,
    remove_at,
    rollback_at,
)
from tests.fixtures.faults import Fault, Given
from tests.fixtures.material import Login, SmallCa

pytestmark = pytest.mark.integration

OLD = {"roles": ("alice", "bob")}
NEW = {"roles": ("all",), "map_name": "other", "databases": ("all", "x")}
Act = Callable[..., object]


class Work:
    """A command that changes a server, and how what it did is undone; both have the source."""

    def __init__(self, act: Act, back: Act) -> None:
        self.act, self.back = act, back


def apply_new(data_dir, source):
    return apply_at(data_dir, source, NEW)


def apply_old(data_dir, source):
    return apply_at(data_dir, source, OLD)


def rollback(data_dir, _source):
    return rollback_at(data_dir)


def remove(data_dir, _source):
    return remove_at(data_dir)


WORKS = {
    "apply": Work(apply_new, apply_old),
    "rollback": Work(rollback, rollback),
    "remove": Work(remove, rollback),
}


def assert_works(cluster: Cluster, login: Login, moment: str) -> None:
    assert cluster.psql("select 1") == "1", moment
    assert gets_in(cluster, login), moment


def cut_off_at_each(
    cluster: Cluster,
    login: Login,
    ca: SmallCa,
    fault: Fault,
    work: Work,
    *,
    stride: int,
    restart: bool,
) -> int:
    """Have a command meet a fault at each step; return how many it has."""
    old = configuration(cluster)
    new: list[dict[str, bytes]] = []
    steps: list[str] = []
    for number in itertools.count(0, stride):
        ca.renew()  # so that key and certificate change, too
        source = Given(ca.current())
        ended = faults.run(fault, number, work.act, cluster.data_dir, source)
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
        mended = refresh_at(cluster.data_dir, source)
        assert mended.running, moment
        assert not (cluster.data_dir / "pgward/journal.json").exists()
        if configuration(cluster) != old:
            new.append(configuration(cluster))
            work.back(cluster.data_dir, source)
        assert configuration(cluster) == old, moment
        assert_works(cluster, login, f"{moment}, mended")
        hidden = [p for p in cluster.data_dir.glob(".*") if p.suffix == ".tmp"]
        assert hidden == [], moment
    assert_works(cluster, login, "in the end")
    assert [each for each in new if each != configuration(cluster)] == []
    assert configuration(cluster) != old
    return len(steps)


@pytest.fixture
def twice(pg_applied: Cluster, small_ca: SmallCa) -> Cluster:
    """A server on which there is something to go back to."""
    apply_at(pg_applied.data_dir, small_ca, OLD)
    return pg_applied


@pytest.mark.soak
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("work", WORKS)
def test_a_fault_at_every_step(twice, alice_login, small_ca, fault, work) -> None:
    how = {"stride": 1, "restart": True}
    assert cut_off_at_each(twice, alice_login, small_ca, fault, WORKS[work], **how) > 20


@pytest.mark.parametrize(
    "some",
    [
        ("apply", Fault.KILLED, 29),
        pytest.param(("apply", Fault.FULL, 29), marks=pytest.mark.soak),
        pytest.param(("rollback", Fault.KILLED, 21), marks=pytest.mark.soak),
        ("remove", Fault.KILLED, 23),
    ],
    ids=str,
)
def test_a_fault_at_some_steps(twice, alice_login, small_ca, some) -> None:
    work, fault, stride = some
    how = {"stride": stride, "restart": False}
    assert cut_off_at_each(twice, alice_login, small_ca, fault, WORKS[work], **how) > 20
