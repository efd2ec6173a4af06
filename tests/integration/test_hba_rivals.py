"""Runs that meet other runs, and servers and disks that do not do as they are told."""

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.hba.install import apply as work
from pgward.hba.install import rollback as going_back
from pgward.hba.install.apply import exclusive
from pgward.hba.install.change import Change, Edit
from pgward.hba.install.host import NO_CHECKS, Host
from pgward.hba.plan.model import Plan
from pgward.hba.roles import section
from pgward.hba.server import probe, reloading, sql
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.disk import DiskError
from pgward.system.postgres import Cluster
from tests.fixtures.applied import (
    FILES,
    ROLES,
    apply,
    apply_at,
    configuration,
    gets_in,
    host_at,
    host_of,
    refresh,
    remove_at,
    rollback_at,
)
from tests.fixtures.disks import make_read_only
from tests.fixtures.faults import Given

pytestmark = pytest.mark.integration

NAMES = {"roles": ("alice",)}, {"map_name": "other"}, {}


def put_roles(data_dir: Path, name: str) -> None:
    """What `hba roles` does to pg_ident.conf."""
    host = host_at(data_dir)
    with exclusive(host):
        path = host.data_dir.ident_file
        before = path.read_bytes()
        after = section.put(before, [(name, "alice")], "pgward", str(path))
        change = Change(
            host.state_dir,
            host.generations,
            host.data_dir.disk,
            generation=host.generations.current(),
            edits=(Edit(path, before, after),),
            now=datetime.now(UTC),
            what="roles",
            of_roles=True,
        )
        host.carry_out(change, host.generations.load(), NO_CHECKS)


def _rival(number: int, data_dir: Path, source: Given, said) -> None:
    acts: list[Callable[[int], object]] = [
        lambda round_: apply_at(data_dir, source, NAMES[round_ % len(NAMES)]),
        lambda _: rollback_at(data_dir),
        lambda _: remove_at(data_dir),
        lambda round_: put_roles(data_dir, f"ann{round_}"),
    ]
    for round_ in range(3):
        try:
            acts[number](round_)
        except PgwardError as error:
            said.put(error.message)
        except BaseException as error:  # noqa: BLE001 - told to the test
            said.put(f"raised {error!r}")
        else:
            said.put("done")


@pytest.mark.soak
def test_four_runs_at_once(pg_applied: Cluster, small_ca, alice_login) -> None:
    context = multiprocessing.get_context("fork")
    said = context.Queue()
    source = Given(small_ca.current())
    rivals = [
        context.Process(target=_rival, args=(number, pg_applied.data_dir, source, said))
        for number in range(4)
    ]
    for rival in rivals:
        rival.start()
    answers = [said.get(timeout=300) for _ in range(12)]
    for rival in rivals:
        rival.join()
    assert {each for each in answers if each != "done"} <= {"there is no change to take back"}
    blocks = {b"# BEGIN pgward (" in content for content in configuration(pg_applied).values()}
    assert len(blocks) == 1
    assert gets_in(pg_applied, alice_login)
    assert apply(pg_applied, small_ca).took is True
    assert gets_in(pg_applied, alice_login)


def test_what_goes_on_after_it_was_removed(pg_applied, small_ca, alice_login) -> None:
    remove_at(pg_applied.data_dir)
    put_roles(pg_applied.data_dir, "ann")
    small_ca.renew()
    renewed, again = refresh(pg_applied, small_ca), refresh(pg_applied, small_ca)
    assert (renewed.changed, again.changed) == (True, False)
    assert all("does not name this certificate" in each.warnings[-1] for each in (renewed, again))
    assert pg_applied.psql("show ssl") == "off"
    assert apply(pg_applied, small_ca).took is True
    assert gets_in(pg_applied, alice_login)


@pytest.mark.parametrize("superuser", [None, "nobody-at-all"], ids=["asked", "not asked"])
def test_a_list_that_is_gone_when_it_is_gone_back(pg_shared, small_ca, alice_login, superuser):
    """The lines are right, and the server would keep what it had."""
    pg_shared.psql(ROLES)
    people, hba = pg_shared.data_dir / "people", pg_shared.data_dir / "pg_hba.conf"
    original = hba.read_bytes()
    people.write_text("alice, bob\n")
    people.chmod(0o644)
    hba.write_bytes(original + b"host all @people 10.0.0.0/8 scram-sha-256\n")
    host = replace(host_of(pg_shared), superuser=superuser)
    plan, now = Plan(tls=host.tls_files), datetime.now(UTC)
    work.apply(host, plan, small_ca, names=(), now=now)
    hba.write_bytes(hba.read_bytes().replace(b"@people", b"alice"))
    work.apply(host, replace(plan, roles=("alice",)), small_ca, names=(), now=now)
    people.unlink()
    first = going_back.history(host).stamps()[0]
    before = configuration(pg_shared)
    with pytest.raises(PgwardError, match=r"would not take this: .*pg_hba\.conf:\d+: .*people"):
        going_back.rollback(host, first, now=now, force=True)
    assert configuration(pg_shared) == before
    assert gets_in(pg_shared, alice_login)
    hba.write_bytes(hba.read_bytes() + b"host all @people 10.0.0.0/8 scram-sha-256\n")
    with pytest.raises(InvalidInputError, match="is broken already"):
        work.apply(host, plan, small_ca, names=(), now=now)


@pytest.fixture
def far_away(pg_stopped: Cluster, small_disk_of) -> tuple[Host, Path]:
    """As on Debian: configuration on another disk, with a conf.d, and a link for pg_hba.conf."""
    etc = small_disk_of("2m", pg_stopped.directory)
    owner = pg_stopped.data_dir.stat()
    (etc / "conf.d").mkdir()
    for name in FILES:
        (pg_stopped.data_dir / name).rename(pg_stopped.data_dir / f"{name}.moved")
        (etc / name).write_bytes((pg_stopped.data_dir / f"{name}.moved").read_bytes())
    (etc / "pg_hba.conf").rename(etc / "real_hba")
    (etc / "pg_hba.conf").symlink_to("real_hba")
    with (etc / "postgresql.conf").open("a") as file:
        file.write(
            f"data_directory = '{pg_stopped.data_dir}'\nhba_file = '{etc}/pg_hba.conf'\n"
            f"ident_file = '{etc}/pg_ident.conf'\ninclude_dir = 'conf.d'\n"
        )
    (etc / "conf.d" / "site.conf").write_text("ssl_min_protocol_version = 'TLSv1.3'\n")
    for path in (etc, *etc.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    opts = f"-c config_file={etc}/postgresql.conf"
    pg_stopped._flags = lambda port, flags=pg_stopped._flags: [
        *flags(port)[:-1],
        f"{flags(port)[-1]} {opts}",
    ]
    pg_stopped.start().psql(ROLES)
    found = DataDir.open(pg_stopped.data_dir)
    return Host(found, found.path / "pgward"), etc


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a file system")
def test_a_configuration_elsewhere(far_away, pg_stopped, small_ca, alice_login) -> None:
    host, etc = far_away
    plan, now = Plan(tls=host.tls_files), datetime.now(UTC)
    original = {name: (etc / name).read_bytes() for name in FILES}

    def contents() -> dict[str, bytes]:
        return {name: (etc / name).read_bytes() for name in FILES}

    assert work.apply(host, plan, small_ca, names=(), now=now).took is True
    applied = contents()
    assert (etc / "pg_hba.conf").readlink() == Path("real_hba")
    make_read_only(etc)
    for act in (
        lambda: work.apply(host, replace(plan, roles=("alice",)), small_ca, names=(), now=now),
        lambda: going_back.rollback(host, None, now=now),
        lambda: going_back.remove(host, now=now),
    ):
        with pytest.raises(DiskError, match="read-only file system"):
            act()
        assert contents() == applied
        assert gets_in(pg_stopped, alice_login)
    assert work.refresh(host, small_ca, now=now).changed is False
    small_ca.revoked.append(77)
    assert work.refresh(host, small_ca, now=now).took is True  # what it writes lies elsewhere
    subprocess.run(["mount", "-o", "remount,rw", etc], check=True)
    assert going_back.remove(host, now=now).took is True
    assert contents() == original
    assert going_back.rollback(host, None, now=now).took is True
    assert (contents(), gets_in(pg_stopped, alice_login)) == (applied, True)
    pg_stopped.stop()


@pytest.mark.soak
def test_a_server_that_hangs(pg_applied, small_ca, alice_login, monkeypatch) -> None:
    """It takes nothing, and does not say so either."""
    monkeypatch.setattr(sql, "_SQL_SECONDS", 0.2)
    monkeypatch.setattr(probe, "_TIMEOUT", 0.2)
    monkeypatch.setattr(reloading, "_RELOAD_SECONDS", 0.2)
    before = configuration(pg_applied)
    pid = host_of(pg_applied).data_dir.running().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(PgwardError, match="did not take the new configuration"):
            apply(pg_applied, small_ca, map_name="other")
        assert configuration(pg_applied) == before
        # What there was before had no TLS, so that nothing could be seen of it.
        gone = rollback_at(pg_applied.data_dir)
        assert (gone.changed, gone.running, gone.took) == (True, True, None)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert gets_in(pg_applied, alice_login)
    assert pg_applied.psql("show ssl") == "off"
