import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from pgward.hba.install import apply as work
from pgward.hba.install.change import BACKUPS_KEPT, Change, Edit
from pgward.hba.install.host import NO_CHECKS, Host
from pgward.hba.install.material import MaterialError
from pgward.hba.install.rollback import find_back, find_removal, history, remove, rollback
from pgward.hba.plan import role_lines
from pgward.hba.plan.model import Plan
from pgward.hba.roles import section
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Cluster
from tests.fixtures.material import SmallCa
from tests.fixtures.postgres import files_only


class Changed(NamedTuple):
    """A host after three changes, and what there was before each and is after the last."""

    cluster: Cluster
    ca: SmallCa
    now: datetime
    found: list[dict[str, bytes]]


def host_of(cluster: Cluster) -> Host:
    found = DataDir.open(cluster.data_dir)
    return Host(found, found.path / "pgward")


def contents(host: Host) -> dict[str, bytes]:
    data = host.data_dir
    return {p.name: p.read_bytes() for p in (data.config_file, data.hba_file, data.ident_file)}


def copied(source: Path, target: Path) -> None:
    """Copy a directory with the owners of all in it, as ``shutil`` does not."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.fixture(scope="module")
def changed(pg_bin, pg_template) -> Iterator[Changed]:
    """Three changes take as long as ten tests: they are made once, and put back for each."""
    with files_only(pg_bin, pg_template) as cluster:
        host, made = host_of(cluster), Changed(cluster, SmallCa(), datetime.now(UTC), [])
        made.found.append(contents(host))
        for number, role in enumerate(("a", "b", "c")):
            plan = Plan(roles=(role,), tls=host.tls_files)
            moment = made.now + timedelta(seconds=number)
            work.apply(host, plan, made.ca, names=(), now=moment)
            made.found.append(contents(host))
        copied(cluster.data_dir, cluster.data_dir.with_name("kept"))
        yield made


@pytest.fixture
def changes(changed) -> list[dict[str, bytes]]:
    data_dir = changed.cluster.data_dir
    copied(data_dir.with_name("kept"), data_dir)
    return changed.found


@pytest.fixture
def host(request) -> Host:
    if "changes" not in request.fixturenames:
        return host_of(request.getfixturevalue("pg_files"))
    request.getfixturevalue("changes")
    return host_of(request.getfixturevalue("changed").cluster)


@pytest.fixture
def now(request) -> datetime:
    is_changed = "changes" in request.fixturenames
    return request.getfixturevalue("changed").now if is_changed else datetime.now(UTC)


@pytest.fixture
def small_ca(request) -> SmallCa:
    is_changed = "changes" in request.fixturenames
    return request.getfixturevalue("changed").ca if is_changed else SmallCa()


def test_the_last_change_is_taken_back(host, changes, now) -> None:
    gone = rollback(host, None, now=now)
    assert (gone.changed, gone.running, gone.took) == (True, False, None)
    assert contents(host) == changes[2]
    assert host.generations.load() is not None


def test_a_rollback_is_taken_back_too(host, changes, now) -> None:
    rollback(host, None, now=now)
    rollback(host, None, now=now)
    assert contents(host) == changes[3]
    whats = [about.what for about, _ in history(host).records()]
    assert whats[0] == "apply: cert for a in all from all"
    assert whats[-1].startswith("rollback to before 2")


def test_back_over_several_changes(host, changes, now) -> None:
    first = history(host).stamps()[0]
    gone = rollback(host, first, now=now)
    assert contents(host) == changes[0]
    assert gone.back.what == f"rollback to before {first} (apply: cert for a in all from all)"
    rollback(host, None, now=now)
    assert contents(host) == changes[3]


def test_what_others_wrote_since_is_not_lost(host, changes, now) -> None:
    path = host.data_dir.hba_file
    path.write_bytes(path.read_bytes() + b"# theirs\n")
    before = contents(host)
    with pytest.raises(ConflictError, match=r"pg_hba\.conf was changed by someone else") as caught:
        rollback(host, None, now=now)
    assert "\n-# theirs" in caught.value.message
    assert "--force" in caught.value.hint
    assert contents(host) == before
    rollback(host, None, now=now, force=True)
    assert contents(host) == changes[2]
    rollback(host, None, now=now)
    assert contents(host) == before


@pytest.mark.usefixtures("changes")
def test_what_others_wrote_between_two_changes_is_not_lost(host, small_ca, now) -> None:
    path = host.data_dir.hba_file
    path.write_bytes(path.read_bytes() + b"# theirs\n")
    first = history(host).stamps()[0]
    plan = Plan(roles=("d",), tls=host.tls_files)
    work.apply(host, plan, small_ca, names=(), now=now + timedelta(minutes=1))
    rollback(host, None, now=now)
    with pytest.raises(ConflictError, match="changed by someone else"):
        rollback(host, first, now=now)


def test_a_backup_that_is_gone(host, changes, now) -> None:
    for path in host.data_dir.path.glob("pg_hba.conf.pgward-*"):
        path.write_bytes(b"else")
    with pytest.raises(NotFoundError, match=r"the backup .* is gone, or was changed"):
        rollback(host, None, now=now)
    assert contents(host) == changes[3]


def test_a_file_that_was_not_there_is_empty_then(host, small_ca, now) -> None:
    host.data_dir.ident_file.unlink()
    work.apply(host, Plan(tls=host.tls_files), small_ca, names=(), now=now)
    rollback(host, None, now=now)
    assert host.data_dir.ident_file.read_bytes() == b""


def test_material_goes_back_only_when_asked_and_while_it_works(host, small_ca, now) -> None:
    plan = Plan(tls=host.tls_files)
    work.apply(host, plan, small_ca, names=(), now=now)
    old = host.generations.load()
    small_ca.renew()
    work.apply(host, Plan(roles=("x",), tls=host.tls_files), small_ca, names=(), now=now)
    new = host.generations.load()
    assert find_back(host, None, now=now, material=False).generation == host.generations.current()
    with pytest.raises(MaterialError, match="the revocation list"):
        rollback(host, None, now=now + timedelta(days=8), material=True)
    rollback(host, None, now=now, material=True)
    assert host.generations.load() == old
    rollback(host, None, now=now, material=True)
    assert host.generations.load() == new


def test_material_that_is_gone(host, small_ca, now) -> None:
    work.apply(host, Plan(tls=host.tls_files), small_ca, names=(), now=now)
    small_ca.renew()
    work.apply(host, Plan(roles=("x",), tls=host.tls_files), small_ca, names=(), now=now)
    ((_, journal),) = history(host).since(None)
    host.data_dir.disk.remove(host.generations.directory / journal.generation)
    with pytest.raises(NotFoundError, match=r"the material .* is not there any more"):
        rollback(host, None, now=now, material=True)


def test_remove(host, changes, now) -> None:
    removal = find_removal(host)
    assert [edit.path.name for edit in removal.edits] == [
        "pg_ident.conf",
        "pg_hba.conf",
        "postgresql.conf",
    ]
    assert "-hostssl    all  c  all  cert map=pgward\n" in removal.diff()
    assert remove(host, now=now).changed
    assert contents(host) == changes[0]
    assert not remove(host, now=now).changed
    rollback(host, None, now=now)
    assert contents(host) == changes[3]


def test_remove_with_an_edit_by_hand(host, changes, now) -> None:
    path = host.data_dir.hba_file
    path.write_bytes(path.read_bytes().replace(b"# END", b"local x x peer\n# END"))
    with pytest.raises(ConflictError, match="somebody edited pgward's block"):
        remove(host, now=now)
    assert remove(host, now=now, overwrite_edits=True).changed
    assert contents(host) == changes[0]


def put_roles(host: Host, name: str, now: datetime) -> None:
    """What `hba roles` does to pg_ident.conf."""
    path = host.data_dir.ident_file
    before = path.read_bytes()
    after = section.put(before, [(name, "dba")], "pgward", str(path))
    disk = host.data_dir.disk
    change = Change(
        host.state_dir,
        host.generations,
        disk,
        generation=host.generations.current(),
        edits=(Edit(path, before, after),),
        now=now,
        what="roles",
        of_roles=True,
    )
    host.carry_out(change, None, NO_CHECKS)


def test_lines_of_role_maps_stay_and_push_nothing_out(host, changes, small_ca, now) -> None:
    for number in range(BACKUPS_KEPT + 1):
        put_roles(host, f"ann{number}", now)
    plan = Plan(roles=("d",), tls=host.tls_files)
    work.apply(host, plan, small_ca, names=(), now=now)
    put_roles(host, "bob", now)
    with_bob = contents(host)
    assert len(history(host).stamps()) == 4
    first = history(host).stamps()[0]
    gone = rollback(host, first, now=now)
    assert gone.back.edited == ()
    path = host.data_dir.ident_file
    assert role_lines.without(path.read_bytes(), "f") == changes[0]["pg_ident.conf"]
    assert b"pgward  bob  " in path.read_bytes()
    assert b"ann" not in path.read_bytes()
    put_roles(host, "eve", now)
    rollback(host, None, now=now)
    expected = with_bob["pg_ident.conf"].replace(b"bob", b"eve")
    assert role_lines.without(contents(host)["pg_ident.conf"], "f") == role_lines.without(
        expected, "f"
    )
    assert b"pgward  eve  " in path.read_bytes()


@pytest.mark.usefixtures("changes")
def test_an_edit_beside_the_lines_of_role_maps_is_not_lost(host, now) -> None:
    put_roles(host, "ann", now)
    path = host.data_dir.ident_file
    path.write_bytes(path.read_bytes() + b"# theirs\n")
    with pytest.raises(ConflictError, match=r"pg_ident\.conf was changed by someone else"):
        rollback(host, history(host).stamps()[0], now=now)


@pytest.mark.usefixtures("changes")
def test_a_mark_of_role_lines_that_is_gone(host, now) -> None:
    put_roles(host, "ann", now)
    path = host.data_dir.ident_file
    path.write_bytes(path.read_bytes().replace(role_lines.END.encode(), b"#"))
    before = contents(host)
    with pytest.raises(InvalidInputError, match="do not stand there once each"):
        rollback(host, history(host).stamps()[0], now=now)
    assert contents(host) == before


@pytest.mark.usefixtures("changes")
def test_what_was_removed_is_renewed_in_vain(host, small_ca, now) -> None:
    assert host.in_use()
    remove(host, now=now)
    assert not host.in_use()
    small_ca.renew()
    for expected in (True, False):
        outcome = work.refresh(host, small_ca, now=now)
        assert outcome.changed is expected
        assert "does not name this certificate" in outcome.warnings[-1]
