"""``hba check --fix`` cut off at every step: each file is the old or the new one, mended next."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.hba.check.catalogue import check
from pgward.hba.check.subject import Subject
from pgward.hba.server import mending
from pgward.hba.server.files import of_directory
from pgward.system.postgres import Cluster
from tests.fixtures import faults
from tests.fixtures.faults import Fault

pytestmark = pytest.mark.integration
HBA = "local all all trust\nhost all all 127.0.0.1/32 md5\nhost all all 127.0.0.1/32 md5\n"
NAMES = ("pg_hba.conf", "postgresql.conf")


def mend(data: Path) -> None:
    """Carry out all fixes of a data directory, as the command does."""
    read = of_directory(data)
    assert read.account is not None
    subject = Subject(
        read.able, read.hba, read.ident, read.settings, texts=read.texts, config=read.config
    )
    plan = mending.planned(read, check(subject))
    list(mending.carry_out(plan, read.account, datetime.now(UTC)))


def cut_off_at_each(cluster: Cluster, works: Callable[[], object], stride: int = 1) -> int:
    """Mend with a fault at each step, or at some; return how many there were."""
    data = cluster.data_dir
    (data / "pg_hba.conf").write_text(HBA)
    old = {name: (data / name).read_bytes() for name in NAMES}
    owner = data.stat().st_uid
    mend(data)
    new = {name: (data / name).read_bytes() for name in NAMES}
    assert all(old[name] != new[name] for name in NAMES)
    for number in itertools.count(0, stride):
        for name, text in old.items():
            (data / name).write_bytes(text)
        ended = faults.run(Fault.KILLED, number, mend, data)
        moment = f"killed at step {number}: {ended.steps[-1]}"
        found = {name: (data / name).read_bytes() for name in NAMES}
        assert all(found[name] in {old[name], new[name]} for name in NAMES), moment
        assert {(data / name).stat().st_uid for name in NAMES} == {owner}, moment
        works()
        if ended.code == 0:
            break
        assert ended.killed, moment
        mend(data)
        assert {name: (data / name).read_bytes() for name in NAMES} == new, moment
        left = {each.name for each in data.iterdir() if each.suffix in {".new", ".tmp"}}
        assert not left, moment
        for name in NAMES:
            # One more than are kept, if it was killed before it removed that.
            assert 1 <= len(list(data.glob(f"{name}.mended-*"))) <= 6, moment
    return number


def test_a_kill_at_some_steps(pg_files: Cluster) -> None:
    assert cut_off_at_each(pg_files, lambda: None, stride=7) >= 8


@pytest.mark.soak
def test_a_kill_at_every_step(pg: Cluster) -> None:
    def works() -> None:
        pg.reload()
        assert pg.psql("select count(*) from pg_hba_file_rules where error is not null") == "0"

    assert cut_off_at_each(pg, works) >= 8
