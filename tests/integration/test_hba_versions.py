"""Every generated configuration, on the real servers of every PostgreSQL version."""

from datetime import UTC, datetime

import pytest

from pgward.hba.install import apply as work
from pgward.hba.install.contents import plan_contents
from pgward.hba.install.host import Host
from pgward.hba.plan.generate import fragments
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.server import reloading
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Cluster
from tests.fixtures.golden_hba import PLANS
from tests.fixtures.material import psql

pytestmark = pytest.mark.integration


@pytest.fixture
def host(pg_each: Cluster, monkeypatch) -> Host:
    monkeypatch.setenv("PGWARD_PG_BIN", str(pg_each.bin_dir))
    found = DataDir.open(pg_each.data_dir)
    assert found.bin_dir == pg_each.bin_dir
    return Host(found, found.path / "pgward")


def test_each_version_takes_every_plan(host, small_ca) -> None:
    """With the material in place, for a line may need it, and on top of the version's own files."""
    host.data_dir.disk.make_dir(host.state_dir)
    host.generations.use(host.generations.write(small_ca.current(), datetime.now(UTC)))
    running = host.data_dir.running()
    original = host.data_dir.hba_file.read_bytes()
    for name, plan in PLANS.items():
        placed = Plan(**{**fields(plan), "tls": host.tls_files})
        for edit in plan_contents(host.data_dir, placed).edits:
            host.data_dir.disk.replace(edit.path, edit.after)
        sql = host.sql(running)
        assert reloading.file_errors(sql, host.data_dir) == [], name
        assert reloading.reload(running, sql, None) is True, name
        ours = len(
            [
                each
                for each in fragments(plan, host.data_dir.able.version).hba.splitlines()
                if not each.startswith("#")
            ]
        )
        theirs = len([each for each in original.splitlines() if each.strip() and each[:1] != b"#"])
        assert sql("select count(*) from pg_hba_file_rules where type is not null") == [
            [str(ours + theirs)]
        ], name


def fields(plan: Plan) -> dict[str, object]:
    return {name: getattr(plan, name) for name in plan.__slots__}


def test_each_version_lets_the_right_ones_in(host, pg_each, small_ca, tmp_path) -> None:
    pg_each.psql(
        "set password_encryption = 'scram-sha-256'; "
        "create role alice login password 'a'; create role bob login password 'b'"
    )
    alice = small_ca.person(tmp_path / "alice", "alice")
    bare = {"sslcert": "", "sslkey": ""}
    port, version = pg_each.port, host.data_dir.able.version

    def apply(**chosen) -> None:
        plan = Plan(tls=host.tls_files, **chosen)
        outcome = work.apply(host, plan, small_ca, names=("localhost",), now=datetime.now(UTC))
        assert outcome.took is True

    def gets_in(role: str, password: str = "", **more: str) -> bool:
        done = psql(alice.conninfo(port, role, **more), PGPASSWORD=password)
        assert done.stdout == (f"{role}\n" if done.returncode == 0 else "")
        return done.returncode == 0

    apply()
    assert [gets_in("alice"), gets_in("bob"), gets_in("alice", **bare)] == [True, False, False]
    assert not gets_in("alice", sslmode="disable")
    apply(auth=Auth.SCRAM_AND_CERT)
    tries = [gets_in("alice", "a"), gets_in("alice", "x"), gets_in("alice", "a", **bare)]
    assert tries == [True, False, False]
    assert gets_in("bob", "b") is (version == 11)  # 11 cannot bind the name
    apply(auth=Auth.SCRAM_AND_ANY_CERT)
    assert [gets_in("bob", "b"), gets_in("bob", "b", **bare)] == [True, False]
    apply(auth=Auth.CERT_OR_SCRAM, password_roles=("bob",))
    assert [gets_in("bob", "b", **bare), gets_in("alice"), gets_in("alice", "a", **bare)] == [
        True,
        True,
        False,
    ]
    apply(mapped=(("alice", "all" if version >= 16 else "bob"),))
    assert gets_in("bob")
    small_ca.revoked.append(alice.leaf.serial_number)
    assert work.refresh(host, small_ca, now=datetime.now(UTC)).took is True
    assert not gets_in("alice")


def test_each_version_refuses_everyone_by_an_expired_list(
    host, pg_each, small_ca, tmp_path
) -> None:
    """The reason for the warning about the next refresh."""
    pg_each.psql("create role alice login")
    alice = small_ca.person(tmp_path / "alice", "alice")
    plan = Plan(tls=host.tls_files)
    work.apply(host, plan, small_ca, names=(), now=datetime.now(UTC))
    assert psql(alice.conninfo(pg_each.port, "alice")).returncode == 0
    small_ca.crl_end = small_ca.crl_start / 2
    small_ca.crl_start *= 2
    lists = host.generations.link / "user-ca.crl"
    host.data_dir.disk.replace(lists, small_ca.crls())
    running = host.data_dir.running()
    assert reloading.reload(running, host.sql(running), None) is True
    assert psql(alice.conninfo(pg_each.port, "alice")).returncode == 2
