import os

import pytest

from pgward.ca.ceremony.building import move_into_place, refuse_existing, sibling, storage
from pgward.core.errors import ConflictError
from pgward.system.files import StorageError


def test_what_is_there_is_never_replaced(tmp_path):
    target = tmp_path / "ca"
    refuse_existing(target)
    target.mkdir()
    refuse_existing(target)
    with sibling(target) as (building, lock):
        (target / "theirs").write_text("x")
        with pytest.raises(ConflictError, match="something else has just created"):
            move_into_place(building, target, lock)
    with pytest.raises(ConflictError, match="is there already"):
        refuse_existing(target)
    (target / "pgward.toml").touch()
    with pytest.raises(ConflictError, match="there is a CA in"):
        refuse_existing(target)
    assert os.listdir(tmp_path) == ["ca"]  # noqa: PTH208


def test_it_appears_whole_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "deep" / "ca"
    with sibling(target) as (building, lock):
        (building / "file").write_text("x")
        assert not target.exists()
        move_into_place(building, target, lock)
    assert [path.name for path in target.parent.iterdir()] == ["ca"]
    assert (target / "file").read_text() == "x"


def test_failures_of_the_disk_are_explained(tmp_path):
    with (
        pytest.raises(StorageError, match=r"cannot create .*: no space left") as caught,
        storage(tmp_path),
    ):
        raise OSError(28, os.strerror(28))
    assert "nothing was created" in caught.value.hint
