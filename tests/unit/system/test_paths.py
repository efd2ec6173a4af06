from pathlib import Path

import platformdirs

from pgward.system.paths import pgward_home


def test_pgward_home_is_the_override(monkeypatch, tmp_path):
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path))
    assert pgward_home() == tmp_path


def test_pgward_home_expands_and_is_absolute(monkeypatch):
    monkeypatch.setenv("PGWARD_HOME", "~/somewhere")
    assert pgward_home() == Path.home() / "somewhere"
    monkeypatch.setenv("PGWARD_HOME", "here")
    assert pgward_home() == Path.cwd() / "here"


def test_without_an_override_it_is_the_platforms_place(monkeypatch):
    monkeypatch.setenv("PGWARD_HOME", "")
    assert pgward_home() == platformdirs.user_config_path("pgward")
