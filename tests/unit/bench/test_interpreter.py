import subprocess
import sys

import pytest

from bench import interpreter


@pytest.fixture(autouse=True)
def _forgotten():
    interpreter._chosen.cache_clear()
    yield
    interpreter._chosen.cache_clear()


def test_it_runs_pgward():
    done = subprocess.run(
        interpreter.command("-m", "pgward", "--version"), capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("pgward ")


def test_another_can_be_named(monkeypatch):
    monkeypatch.setenv("BENCH_PYTHON", sys.executable)
    assert interpreter.command("-V")[-2:] == [sys.executable, "-V"]
    version = ".".join(map(str, sys.version_info[:3]))
    assert interpreter.describe()["Python"].startswith(f"{version} (")


def test_one_that_cannot_load_pgward_is_not_chosen(monkeypatch):
    monkeypatch.delenv("BENCH_PYTHON", raising=False)
    for useless in ("/usr/bin/false", "/nonexistent/python"):
        interpreter._chosen.cache_clear()
        monkeypatch.setattr(interpreter, "_DISTRIBUTIONS", useless)
        assert interpreter.command()[-1] == sys.executable
