import os
import stat

import pytest

from pgward.client.config.person_file import BACKUP, PersonFile
from pgward.core.errors import ConflictError, DeniedError
from pgward.system import files
from pgward.system.files import StorageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pg_service.conf"


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_the_persons_alone(path):
    file = PersonFile.read(path)
    assert file.data is None
    file.replace(b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_mode_stays_and_the_backup_is_private(path):
    path.write_bytes(b"old")
    path.chmod(0o644)
    PersonFile.read(path).replace(b"new")
    backup = path.with_name(path.name + BACKUP)
    assert (path.read_bytes(), mode(path)) == (b"new", 0o644)
    assert (backup.read_bytes(), mode(backup)) == (b"old", 0o600)


def test_others_may_not_write_to_it_any_more(path):
    path.write_bytes(b"old")
    path.chmod(0o666)
    PersonFile.read(path).replace(b"new")
    assert mode(path) == 0o644


def test_what_is_the_same_is_not_written(path):
    path.write_bytes(b"same")
    before = path.stat().st_ino
    PersonFile.read(path).replace(b"same")
    assert path.stat().st_ino == before
    assert not path.with_name(path.name + BACKUP).exists()


def test_a_file_that_becomes_empty_goes(path):
    path.write_bytes(b"all ours")
    PersonFile.read(path).replace(b"")
    assert not path.exists()
    assert path.with_name(path.name + BACKUP).read_bytes() == b"all ours"


def test_no_file_and_nothing_to_write(path):
    PersonFile.read(path).replace(b"")
    assert not path.exists()


def test_a_link_of_ones_own_stays_and_its_target_is_replaced(path, tmp_path):
    target = tmp_path / "dotfiles"
    target.mkdir()
    (target / "services").write_bytes(b"old")
    path.symlink_to("dotfiles/services")
    PersonFile.read(path).replace(b"new")
    assert path.is_symlink()
    assert (target / "services").read_bytes() == b"new"


def test_a_link_that_leads_nowhere_yet(path, tmp_path):
    path.symlink_to(tmp_path / "later")
    PersonFile.read(path).replace(b"new")
    assert path.is_symlink()
    assert (tmp_path / "later").read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
@pytest.mark.parametrize("what", ["file", "link", "target"])
def test_what_another_user_put_there_is_refused(path, tmp_path, what):
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    if what == "file":
        path.write_bytes(b"theirs")
        os.chown(path, 12345, 12345)
    else:
        path.symlink_to(target)
        os.chown(path if what == "link" else target, 12345, 12345, follow_symlinks=False)
    with pytest.raises(DeniedError, match="belongs to another user") as error:
        PersonFile.read(path)
    assert error.value.hint == "set PGSERVICEFILE to a file of your own"
    assert target.read_bytes() == b"theirs"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_a_directory_of_another_user_is_refused(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(DeniedError, match="other users may change"):
        PersonFile.read(theirs / "pg_service.conf")


def test_a_directory_that_everybody_may_change_is_refused(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(DeniedError, match="other users may change"):
        PersonFile.read(shared / "pg_service.conf")
    shared.chmod(0o1777)
    assert PersonFile.read(shared / "pg_service.conf").data is None


def test_what_is_no_file_is_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(StorageError, match="no regular file"):
        PersonFile.read(path)


def test_no_directory(tmp_path):
    with pytest.raises(StorageError, match="no such file or directory"):
        PersonFile.read(tmp_path / "none" / "pg_service.conf")


def test_a_file_larger_than_any_configuration(path):
    with path.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(ConflictError, match="larger than any configuration"):
        PersonFile.read(path)


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    path.write_bytes(b"old")
    found = PersonFile.read(path)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_new", full)
    with pytest.raises(StorageError, match="no space left"):
        found.replace(b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
