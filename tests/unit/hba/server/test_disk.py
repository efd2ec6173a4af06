import errno
import os
from pathlib import Path

import pytest

from pgward.hba.server.disk import Disk, DiskError, acting_as, owner_of
from pgward.system import files
from pgward.system.postgres import Account

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = Account("nobody", 65534, 65534)
disk = Disk(Account("me", os.geteuid(), os.getegid()))
theirs_disk = Disk(NOBODY)


@pytest.fixture
def theirs(tmp_path) -> Path:
    """A directory of another account, which root may enter as well."""
    directory = tmp_path / "theirs"
    directory.mkdir()
    os.chown(directory, NOBODY.uid, NOBODY.gid)
    for parent in directory.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(0o711)
    return directory


def test_read(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert disk.read(tmp_path / "a") == b"x"
    assert disk.read(tmp_path / "b") is None
    with pytest.raises(DiskError, match=r"cannot read .*: is a directory"):
        disk.read(tmp_path)


def test_nothing_that_never_ends_is_read(tmp_path, fifo) -> None:
    for path in (fifo(), Path("/dev/zero")):
        with pytest.raises(DiskError, match=r"cannot read .*: it is no regular file"):
            disk.read(path)
    (tmp_path / "long").write_bytes(b"x" * (files.MOST_BYTES + 1))
    with pytest.raises(DiskError, match="it has more than 16777216 bytes"):
        disk.read(tmp_path / "long")


def test_replace_keeps_the_mode(tmp_path) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)
    disk.replace(path, b"x")
    disk.replace(tmp_path / "b", b"x", mode=0o644)
    assert path.read_bytes() == b"x"
    assert path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o644


def test_replace_follows_a_symlink(tmp_path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    disk.replace(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@as_root
def test_root_writes_as_the_account(theirs) -> None:
    theirs_disk.make_dir(theirs / "d")
    theirs_disk.replace(theirs / "d" / "f", b"x")
    theirs_disk.point(theirs / "link", "d")
    assert {p.lstat().st_uid for p in (theirs / "d", theirs / "d/f", theirs / "link")} == {65534}
    assert os.geteuid() == 0


@as_root
def test_root_is_not_led_anywhere_by_a_symlink(theirs, tmp_path) -> None:
    target = tmp_path / "roots"
    target.mkdir(mode=0o755)
    (target / "secret").write_bytes(b"x")
    (target / "secret").chmod(0o600)
    (theirs / "trap").symlink_to(target)
    for access in (
        lambda: theirs_disk.make_dir(theirs / "trap" / "d"),
        lambda: theirs_disk.replace(theirs / "trap" / "f", b"x"),
        lambda: theirs_disk.remove(theirs / "trap" / "secret"),
        lambda: theirs_disk.read(theirs / "trap" / "secret"),
    ):
        with pytest.raises(DiskError, match="permission denied"):
            access()
    assert [p.name for p in target.iterdir()] == ["secret"]


def test_the_group_of_a_file_stays(tmp_path) -> None:
    groups = [group for group in os.getgroups() if group != os.getegid()]
    if os.geteuid() == 0:
        groups = [4]
    if not groups:
        pytest.skip("this account is in one group only")
    path = tmp_path / "f"
    path.touch()
    os.chown(path, -1, groups[0])
    disk.replace(path, b"x")
    disk.replace(tmp_path / "copy", b"x", like=path)
    assert path.stat().st_gid == (tmp_path / "copy").stat().st_gid == groups[0]


def test_names_links_and_moves(tmp_path) -> None:
    (tmp_path / "b").write_bytes(b"x")
    (tmp_path / "a").symlink_to("b")
    assert disk.names(tmp_path) == ["a", "b"]
    assert disk.names(tmp_path / "none") == []
    assert (disk.link(tmp_path / "a"), disk.link(tmp_path / "b")) == ("b", None)
    assert disk.resolve(tmp_path / "a") == tmp_path / "b"
    (tmp_path / "d").mkdir()
    disk.move(tmp_path / "b", tmp_path / "d" / "c")
    assert (tmp_path / "d" / "c").read_bytes() == b"x"
    with pytest.raises(DiskError, match=r"cannot move .*: no such file"):
        disk.move(tmp_path / "b", tmp_path / "c")


def test_acting_as_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="x"), acting_as(NOBODY):
        raise ValueError("x")
    assert os.geteuid() == os.getuid()


def test_restore_moves_the_backup(tmp_path) -> None:
    (tmp_path / "f").write_bytes(b"new")
    (tmp_path / "backup").write_bytes(b"old")
    disk.restore(tmp_path / "f", tmp_path / "backup")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"old")]


def test_point_replaces_a_link(tmp_path) -> None:
    disk.point(tmp_path / "current", "a")
    disk.point(tmp_path / "current", "b")
    assert (tmp_path / "current").readlink() == Path("b")
    assert len(list(tmp_path.iterdir())) == 1


def test_remove(tmp_path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "f").touch()
    (tmp_path / "l").symlink_to("d")
    for name in ("l", "f", "d", "nothing"):
        disk.remove(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_sweep_takes_only_what_a_killed_run_left(tmp_path) -> None:
    for name in (".f.0123.tmp", ".g.0123.tmp", "f", ".f"):
        (tmp_path / name).touch()
    disk.sweep(tmp_path / "f")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".f", ".g.0123.tmp", "f"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(DiskError, match=f"cannot write {path}: no space left on device") as caught:
        disk.replace(path, b"new")
    assert "PGWARD_HOME" not in caught.value.hint
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_nothing_at_all_there(tmp_path) -> None:
    with pytest.raises(DiskError, match=r"cannot write .*: no such file or directory"):
        disk.replace(tmp_path / "none" / "f", b"x")


def test_the_owner(tmp_path) -> None:
    assert owner_of(tmp_path).uid == os.geteuid()
    with pytest.raises(DiskError, match="no such file"):
        owner_of(tmp_path / "none")
