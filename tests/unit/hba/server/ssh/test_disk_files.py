import os

import pytest

from pgward.hba.server.disk import Disk
from pgward.hba.server.disk_files import DiskFiles
from pgward.hba.server.ssh.disk_files import SshFiles
from pgward.hba.server.ssh.running import Runner
from pgward.hba.syntax.files import FileProblemError
from pgward.system.postgres import Account
from tests.fixtures.here_shell import HereShell

FILES = {
    "here": DiskFiles(Disk(Account("me", os.geteuid(), os.getegid()))),
    "there": SshFiles(Runner(HereShell())),
}


@pytest.fixture(params=FILES)
def files(request: pytest.FixtureRequest):
    """Both must do the same."""
    return FILES[request.param]


def test_files_and_names(files, tmp_path) -> None:
    (tmp_path / "a.conf").write_bytes(b"\0x\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "to d").symlink_to("d")
    (tmp_path / "to nothing").symlink_to("none")
    (tmp_path / "link").symlink_to(tmp_path)
    assert files.read(f"{tmp_path}/a.conf") == b"\0x\n"
    for directory in (tmp_path, tmp_path / "link"):
        assert sorted(files.names(str(directory))) == ["a.conf", "to nothing"]


def test_what_is_not_there(files, tmp_path) -> None:
    with pytest.raises(FileProblemError, match="there is no") as caught:
        files.read(f"{tmp_path}/none")
    assert caught.value.missing
    with pytest.raises(FileProblemError, match="none: no such file or directory") as caught:
        files.names(f"{tmp_path}/none")
    assert caught.value.missing


def test_what_is_something_else(files, tmp_path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(FileProblemError, match="is a directory") as caught:
        files.read(str(tmp_path))
    assert (caught.value.missing, caught.value.directory) == (False, True)
    with pytest.raises(FileProblemError, match="not a directory") as caught:
        files.names(f"{tmp_path}/f")
    assert not caught.value.missing
