"""The other machine's files, on this one: a shell stands in for the connection."""

import os
import stat
from pathlib import Path

import pytest

from pgward.core.errors import ConflictError
from pgward.hba.server.disk import Disk, DiskError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import Done
from pgward.hba.server.ssh.disk import SshDisk
from pgward.hba.server.ssh.running import Runner
from pgward.system.postgres import Account
from tests.fixtures.here_shell import HereShell

DISKS = {
    "here": Disk(Account("me", os.geteuid(), os.getegid())),
    "there": SshDisk(Runner(HereShell())),
}


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest):
    """Both must do the same."""
    return DISKS[request.param]


def test_read(disk, tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"x\0\xff\n")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert disk.read(tmp_path / "a") == b"x\0\xff\n"
    assert disk.read(tmp_path / "b") is None
    assert disk.read(tmp_path / "dangling") is None
    with pytest.raises(DiskError, match=r"cannot read .*: is a directory"):
        disk.read(tmp_path)
    for path in (Path("/dev/zero"),):
        with pytest.raises(DiskError, match=r"cannot read .*: it is no regular file"):
            disk.read(path)


@pytest.mark.parametrize("data", [b"", b"new\0\xff", b"x" * 200_000])
def test_replace_keeps_what_the_file_is(disk, tmp_path, data) -> None:
    path = tmp_path / "it's a file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.utime(path, (1, 1))
    (tmp_path / "link").symlink_to(path.name)
    disk.replace(tmp_path / "link", data)
    assert (tmp_path / "link").is_symlink()
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_mtime > 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["it's a file", "link"]


def test_a_new_file(disk, tmp_path) -> None:
    (tmp_path / "model").touch()
    (tmp_path / "model").chmod(0o640)
    disk.replace(tmp_path / "a", b"x")
    disk.replace(tmp_path / "b", b"x", mode=0o644)
    disk.replace(tmp_path / "c", b"x", like=tmp_path / "model")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in "abc"}
    assert modes == {"a": 0o600, "b": 0o644, "c": 0o640}


def test_attributes_stay(disk, tmp_path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    os.setxattr(path, "user.why", b"because")
    disk.replace(path, b"new")
    assert os.getxattr(path, "user.why") == b"because"


def test_no_directory(disk, tmp_path) -> None:
    with pytest.raises(DiskError, match=r"cannot write .*: no such file or directory"):
        disk.replace(tmp_path / "none" / "f", b"x")
    assert disk.names(tmp_path / "none") == []


def test_names_links_moves_and_removals(disk, tmp_path) -> None:
    disk.make_dir(tmp_path / "d")
    disk.make_dir(tmp_path / "d")
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700
    disk.point(tmp_path / "current", "a")
    disk.point(tmp_path / "current", "d")
    assert (disk.link(tmp_path / "current"), disk.link(tmp_path / "d")) == ("d", None)
    disk.replace(tmp_path / "new\nline", b"x")
    assert disk.names(tmp_path) == ["current", "d", "new\nline"]
    disk.move(tmp_path / "new\nline", tmp_path / "d" / "f")
    assert disk.resolve(tmp_path / "current" / "f") == (tmp_path / "d" / "f").resolve()
    for name in ("current", "d", "nothing"):
        disk.remove(tmp_path / name)
    assert disk.names(tmp_path) == []


def test_restore_and_sweep(disk, tmp_path) -> None:
    for name in (".f.0123.tmp", ".g.0123.tmp", "f", "backup"):
        (tmp_path / name).write_text(name)
    disk.sweep(tmp_path / "f")
    disk.restore(tmp_path / "f", tmp_path / "backup")
    assert disk.names(tmp_path) == [".g.0123.tmp", "f"]
    assert (tmp_path / "f").read_text() == "backup"
    disk.sweep(tmp_path / "none" / "f")


def test_a_run_that_another_one_followed(tmp_path) -> None:
    disk = SshDisk(Runner(HereShell(Done(scripts.FENCED, b"", ""))))
    with pytest.raises(ConflictError, match="another run of pgward works on this server since"):
        disk.replace(tmp_path / "f", b"x")


def test_a_file_that_is_too_long(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("pgward.hba.server.ssh.disk.MOST_BYTES", 3)
    (tmp_path / "f").write_bytes(b"1234")
    with pytest.raises(DiskError, match="it has more than 3 bytes"):
        SshDisk(Runner(HereShell())).read(tmp_path / "f")


def test_statuses(disk, tmp_path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "f").chmod(0o4640)
    (tmp_path / "link").symlink_to("f")
    kinds = [each.mode for each in disk.statuses([tmp_path / "link", tmp_path])]
    assert (oct(kinds[0]), stat.S_ISDIR(kinds[1])) == ("0o104640", True)
    assert disk.statuses([tmp_path])[0].uid == os.geteuid()
    with pytest.raises(DiskError, match="no such file") as caught:
        disk.statuses([tmp_path / "none"])
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_what_is_changed_together_is_done_in_turn(disk, tmp_path) -> None:
    with disk.together():
        disk.make_dir(tmp_path / "d")
        disk.replace(tmp_path / "d" / "f", b"x")
        assert disk.read(tmp_path / "d" / "f") == b"x"
        disk.move(tmp_path / "d" / "f", tmp_path / "f")
    assert disk.names(tmp_path) == ["d", "f"]


def test_what_fails_is_the_last_that_is_done(disk, tmp_path) -> None:
    with pytest.raises(DiskError, match=f"cannot write {tmp_path}/d/f"), disk.together():  # noqa: PT012 - all of it
        disk.replace(tmp_path / "a", b"x")
        disk.replace(tmp_path / "d" / "f", b"x")
        disk.replace(tmp_path / "b", b"x")
    assert disk.names(tmp_path) == ["a"]


def test_what_is_read_while_looking_and_what_changed(disk, tmp_path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a")
    with disk.looking([path, tmp_path / "none"]):
        assert disk.read(path) == b"a"
        disk.replace(path, b"b")
        assert disk.read(path) == b"b"
    path.write_bytes(b"c")
    assert disk.read(path) == b"c"
