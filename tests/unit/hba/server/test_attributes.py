import errno
import os
import struct

import pytest

from pgward.hba.server.attributes import Attributes
from pgward.hba.server.disk import Disk, DiskError
from pgward.system.postgres import Account

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = Account("nobody", 65534, 65534)
disk = Disk(Account("me", os.geteuid(), os.getegid()))
ACL = "system.posix_acl_access"


def set_or_skip(path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno not in {errno.ENOTSUP, errno.EPERM}:
            raise
        pytest.skip(f"{name} cannot be set here")


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access ACL as Linux keeps it (acl(5)): version 2, then tag, rights, id."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o640)
    return path


def test_attributes_of_users_stay(path) -> None:
    set_or_skip(path, "user.why", b"because")
    disk.replace(path, b"new")
    assert (path.read_bytes(), os.getxattr(path, "user.why")) == (b"new", b"because")
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_backup_has_them_too(path, tmp_path) -> None:
    set_or_skip(path, "user.why", b"because")
    disk.replace(tmp_path / "backup", b"old", like=path)
    assert os.getxattr(tmp_path / "backup", "user.why") == b"because"


def test_an_acl_stays(path) -> None:
    none = 0xFFFFFFFF
    value = acl((1, 6, none), (2, 4, 65534), (4, 4, none), (16, 4, none), (32, 0, none))
    set_or_skip(path, ACL, value)
    disk.replace(path, b"new")
    assert os.getxattr(path, ACL) == value


def test_an_acl_of_the_directory_is_not_put_on(path, tmp_path) -> None:
    none = 0xFFFFFFFF
    value = acl((1, 6, none), (2, 6, 65534), (4, 4, none), (16, 6, none), (32, 0, none))
    set_or_skip(tmp_path, "system.posix_acl_default", value)
    disk.replace(path, b"new")
    assert ACL not in os.listxattr(path)
    assert path.stat().st_mode & 0o777 == 0o640


@as_root
def test_the_label_of_selinux_stays(path, tmp_path) -> None:
    label = b"system_u:object_r:postgresql_db_t:s0\0"
    set_or_skip(path, "security.selinux", label)
    os.chown(path, NOBODY.uid, NOBODY.gid)
    os.chown(tmp_path, NOBODY.uid, NOBODY.gid)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(0o711)
    Disk(NOBODY).replace(path, b"new")
    assert os.getxattr(path, "security.selinux").rstrip(b"\0") == label.rstrip(b"\0")
    assert path.stat().st_uid == NOBODY.uid


@as_root
def test_an_owner_that_is_not_the_account_stays(path, tmp_path) -> None:
    os.chown(path, 0, NOBODY.gid)
    os.chown(tmp_path, NOBODY.uid, NOBODY.gid)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(0o711)
    Disk(NOBODY).replace(path, b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, NOBODY.gid, 0o640)
    assert os.geteuid() == 0


def test_an_owner_that_cannot_be_kept_is_refused(path, monkeypatch) -> None:
    kept = Attributes(os.geteuid() + 1, os.getegid(), 0o640, {})
    monkeypatch.setattr(Attributes, "of", lambda _path: kept)
    monkeypatch.setattr(os, "getuid", lambda: 1)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    with pytest.raises(DiskError, match=r"its owner \(uid \d+\) .* can only be kept by root"):
        disk.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in path.parent.iterdir()] == ["f"]


def test_what_speaks_of_the_content_is_not_copied(path, monkeypatch) -> None:
    monkeypatch.setattr(os, "listxattr", lambda _: ["security.ima", "user.x"])
    monkeypatch.setattr(os, "getxattr", lambda *_: b"v")
    assert Attributes.of(path).extended == {"user.x": b"v"}


def test_a_system_that_refuses_a_label_is_no_failure(path, monkeypatch) -> None:
    kept = Attributes(os.geteuid(), os.getegid(), 0o640, {"security.selinux": b"x"})
    monkeypatch.setattr(Attributes, "of", lambda _path: kept)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    disk.replace(path, b"new")
    assert path.read_bytes() == b"new"


def test_no_file_has_none(tmp_path) -> None:
    assert Attributes.of(tmp_path / "none") is None
