import os
import stat

import pytest

from pgward.core.errors import ConflictError, InvalidInputError
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
