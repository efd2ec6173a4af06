import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from pgward.core.errors import ConflictError, InvalidInputError
from pgward.demo import layout
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import Layout, temporary


def enter(directory=None):
    return temporary(Interrupts(), directory)


def test_a_temporary_root_is_removed_with_all_that_is_in_it():
    with enter() as layout:
        layout.authority.mkdir()
        layout.file("password").write_text("x")
        assert layout.root.is_dir()
    assert not layout.root.exists()


def test_it_is_removed_after_a_failure_too():
    with pytest.raises(RuntimeError), enter() as layout:
        raise RuntimeError
    assert not layout.root.exists()


def test_others_can_pass_through_only_when_the_server_has_another_account():
    with enter() as layout:
        mode = stat.S_IMODE(layout.root.stat().st_mode)
        assert mode == (0o711 if os.geteuid() == 0 else 0o700)
        assert stat.S_IMODE(layout.log("ca").parent.stat().st_mode) == 0o700


def test_a_new_directory_is_made_and_removed(tmp_path):
    with enter(tmp_path / "a" / "demo") as layout:
        assert layout.root == tmp_path / "a" / "demo"
    assert not layout.root.exists()


def test_an_empty_directory_is_used_and_left_empty(tmp_path):
    (tmp_path / "there").mkdir()
    with enter(tmp_path / "there") as layout:
        layout.home.mkdir()
        layout.file("link").symlink_to(layout.home)
        layout.facts.write_text("{}")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_directory_with_something_in_it_is_refused_and_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(ConflictError, match="is not empty"), enter(tmp_path):
        pass
    assert (tmp_path / "mine.txt").read_text() == "dear"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_directory_of_another_user_is_refused_and_untouched(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, 65534, 65534)
    with pytest.raises(InvalidInputError, match="belongs to another user"), enter(theirs):
        pass
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o755
    assert list(theirs.iterdir()) == []


def test_what_came_into_the_directory_meanwhile_is_refused(tmp_path, monkeypatch):
    def chmod(path: Path, _mode: int) -> None:
        (path / "log").write_text("")

    monkeypatch.setattr(Path, "chmod", chmod)
    with pytest.raises(ConflictError, match="is not empty"), enter(tmp_path / "demo"):
        pass


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="is not a directory"), enter(tmp_path / "file"):
        pass


def test_every_part_has_a_place_of_its_own(tmp_path):
    layout = Layout(tmp_path)
    places = {layout.authority, layout.database, layout.edge, layout.home, layout.admin_home}
    assert len(places) == 5
    assert all(place.parent == tmp_path for place in {*places, layout.stranger, layout.facts})
    assert layout.facts.name == "demo.json"


def temporary_files_in(monkeypatch, directory):
    monkeypatch.setattr(layout.tempfile, "gettempdir", lambda: str(directory))
    return layout._parent()


@pytest.fixture
def short():
    directory = Path(tempfile.mkdtemp(prefix="l", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


def test_temporary_files_go_where_the_system_says(monkeypatch, short):
    short.chmod(0o711)
    assert temporary_files_in(monkeypatch, short) == short


def test_but_not_where_a_sockets_path_would_be_too_long(monkeypatch, short):
    short.chmod(0o711)
    deep = short / ("x" * 40)
    deep.mkdir(mode=0o755)
    assert temporary_files_in(monkeypatch, deep) == Path("/tmp")


def test_nor_where_the_servers_account_cannot_go(monkeypatch, short):
    monkeypatch.setattr(layout.os, "geteuid", lambda: 0)
    assert temporary_files_in(monkeypatch, short) == Path("/tmp")
