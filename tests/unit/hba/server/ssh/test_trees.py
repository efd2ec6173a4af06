import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from pgward.hba.server.disk import DiskError
from pgward.hba.server.ssh.connection import Done
from pgward.hba.server.ssh.running import Runner
from pgward.hba.server.ssh.trees import SshTrees, unpack
from tests.fixtures.here_shell import HereShell

TREE = {
    "identity": None,
    "identity/current": Path("g1"),
    "identity/g1": None,
    "identity/g1/host.key": b"secret",
    "machine.json": b"{}",
}


def test_put_and_read(tmp_path) -> None:
    trees = SshTrees(Runner(HereShell()))
    assert trees.read(tmp_path / "machine") == {}
    for tree in (TREE, {"machine.json": b"{1}"}, TREE):
        trees.put(tmp_path / "machine", tree)
        assert trees.read(tmp_path / "machine") == tree
    assert (tmp_path / "machine").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "machine/identity/g1/host.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


def test_a_replacement_that_was_cut_off_is_completed(tmp_path) -> None:
    trees = SshTrees(Runner(HereShell()))
    trees.put(tmp_path / "machine", TREE)
    (tmp_path / ".machine.new").mkdir()
    (tmp_path / ".machine.new" / "a").write_bytes(b"new")
    assert trees.read(tmp_path / "machine") == {"a": b"new"}


def test_an_archive_that_leads_out() -> None:
    for name in ("../x", "/x", "a/../../x"):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(name))
        with pytest.raises(ValueError, match="what an identity does not"):
            unpack(data.getvalue())


def test_an_archive_that_grows(tmp_path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(300_000_000)
    tar = ["tar", "-C", str(tmp_path), "--sparse", "-cf", "-", "sparse"]
    data = subprocess.run(tar, stdout=subprocess.PIPE, check=True).stdout
    assert len(data) < 20_000
    with pytest.raises(ValueError, match="more than an identity does"):
        unpack(data)


@pytest.mark.parametrize(
    "done", [Done(1, b"", "tar: x: Permission denied"), Done(0, b"x" * 600, "")]
)
def test_what_cannot_be_read(done, tmp_path) -> None:
    shell = HereShell(Done(0, b"", ""), done)
    with pytest.raises(DiskError, match="cannot read"):
        SshTrees(Runner(shell)).read(tmp_path / "machine")


def test_one_journey_puts_it(tmp_path) -> None:
    shell = HereShell()
    SshTrees(Runner(shell)).put(tmp_path / "machine", TREE)
    assert (shell.journeys, len(shell.lines)) == (1, 10)
