import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from pgward.cli import cli


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments), prog_name="pgward")


@pytest.fixture(autouse=True)
def user_home(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_script_is_printed():
    result = run("completion", "zsh")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "#compdef pgward")


def test_or_installed(user_home):
    result = run("completion", "fish", "--install")
    path = user_home / ".config" / "fish" / "completions" / "pgward.fish"
    assert (result.stdout, result.stderr.splitlines()[0]) == ("", f"wrote {path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert run("completion", "fish", "--install").exit_code == 0


def test_a_place_that_cannot_be_written(user_home):
    (user_home / ".zfunc").touch()
    result = run("completion", "zsh", "--install")
    assert result.exit_code == 1
    assert "cannot create" in result.stderr


def test_manual_pages_are_written(tmp_path):
    result = run("man", "--directory", str(tmp_path / "man"))
    assert result.exit_code == 0
    assert (tmp_path / "man" / "man1" / "pgward-psql.1").exists()
