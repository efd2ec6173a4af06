import stat

import pytest

from pgward.ca.archive.directory import DirectoryObjects
from pgward.core.errors import UnavailableError
from pgward.system.files import StorageError


def test_only_its_owner_reads_it(tmp_path):
    place = DirectoryObjects(tmp_path / "a")
    place.put_if_absent("x/y", b"data")
    modes = [stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/x", "a/x/y")]
    assert modes == [0o700, 0o700, 0o600]


def test_nothing_but_the_object_is_left_behind(tmp_path):
    place = DirectoryObjects(tmp_path)
    place.put_if_absent("y", b"data")
    place.put_if_absent("y", b"data")
    assert [each.name for each in tmp_path.iterdir()] == ["y"]


def test_what_a_crash_left_behind_is_no_object(tmp_path):
    (tmp_path / ".0123.tmp").write_bytes(b"half")
    assert list(DirectoryObjects(tmp_path).list("")) == []


def test_a_disk_that_takes_nothing(tmp_path, monkeypatch):
    place = DirectoryObjects(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pgward.system.files.write_new", full)
    with pytest.raises(UnavailableError, match="the archive cannot write y: no space left") as told:
        place.put_if_absent("y", b"data")
    assert told.value.hint == "check the archive's directory: its owner, and its free space"


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        DirectoryObjects(tmp_path / "file")


def test_it_says_where_it_is(tmp_path):
    assert str(DirectoryObjects(tmp_path)) == str(tmp_path)


def test_keys_behind_another_are_found_in_whatever_folder(tmp_path):
    objects = DirectoryObjects(tmp_path / "objects")
    keys = [
        f"audit/{edge}/{chain}/{n}" for edge in ("e1", "e1-2", "e2") for chain in "ab" for n in "12"
    ]
    for key in keys:
        objects.put_if_absent(key, b"x")
    for after in (*keys, "audit/e1/a/~", "audit/e1/", "audit/e1", "audit/e1-2~", "z", "audit"):
        expected = [key for key in sorted(keys) if key > after]
        assert list(objects.list("audit/", after)) == expected, after
