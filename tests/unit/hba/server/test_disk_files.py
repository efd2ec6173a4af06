import os

import pytest

from pgward.hba.server.disk import Disk
from pgward.hba.server.disk_files import DiskFiles
from pgward.hba.syntax.files import FileProblemError
from pgward.system.postgres import Account


@pytest.fixture
def files() -> DiskFiles:
    return DiskFiles(Disk(Account("me", os.geteuid(), os.getegid())))


def test_files_and_names(files, tmp_path) -> None:
    (tmp_path / "a.conf").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    assert files.read(str(tmp_path / "a.conf")) == b"x"
    assert files.names(str(tmp_path)) == ["a.conf"]


def test_what_is_not_there(files, tmp_path) -> None:
    for ask in (files.read, files.names):
        with pytest.raises(FileProblemError) as caught:
            ask(str(tmp_path / "none"))
        assert caught.value.missing


def test_a_directory_is_told_from_what_cannot_be_read(files, tmp_path) -> None:
    with pytest.raises(FileProblemError) as caught:
        files.read(str(tmp_path))
    assert (caught.value.missing, caught.value.directory) == (False, True)


def test_what_is_no_plain_file_is_not_read(files, tmp_path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    with pytest.raises(FileProblemError) as caught:
        files.read(str(tmp_path / "fifo"))
    assert (caught.value.missing, caught.value.directory) == (False, False)
    with pytest.raises(FileProblemError) as caught:
        files.names(str(tmp_path / "file"))
    assert not caught.value.missing
