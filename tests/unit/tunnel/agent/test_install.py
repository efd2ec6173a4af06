import json
import sys
from pathlib import Path

import pytest

from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError
from pgward.tunnel.agent import install as module
from pgward.tunnel.agent.install import install, plan, uninstall

RECORDER = """\
#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if {fails!r} in sys.argv:
    sys.exit("it went wrong")
"""


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Put a service manager on PATH; return a reader of what it was told."""
    directory, log = tmp_path / "bin", tmp_path / "calls"
    directory.mkdir()
    log.touch()
    monkeypatch.setenv("PATH", str(directory))

    def manager(name="systemctl", fails="nothing"):
        path = directory / name
        path.write_text(RECORDER.format(python=sys.executable, log=str(log), fails=fails))
        path.chmod(0o755)
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return manager


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_path_that_no_manager_takes(tmp_path, platform):
    with pytest.raises(InvalidInputError) as caught:
        plan(platform, {"PGWARD_HOME": "/home/a\x01b"}, tmp_path)
    assert caught.value.hint == "set PGWARD_HOME to a plain path"


def test_with_systemd(tmp_path, manager):
    told = manager()
    wanted = plan("linux", {}, tmp_path)
    install(wanted)
    path = tmp_path / ".config/systemd/user/pgward-agent.service"
    assert path.read_text() == wanted.text
    assert f"ExecStart={sys.executable} -m pgward agent run\n" in wanted.text
    assert told() == [
        ["--user", "show-environment"],
        ["--user", "daemon-reload"],
        ["--user", "enable", "--now", "pgward-agent.service"],
    ]
    assert uninstall(wanted)
    assert told()[-1] == ["--user", "disable", "--now", "pgward-agent.service"]
    assert not path.exists()
    assert not uninstall(wanted)


def test_where_the_configuration_is_elsewhere(tmp_path):
    environment = {"XDG_CONFIG_HOME": "/etc/alice", "PGWARD_HOME": "/srv/pg ward"}
    wanted = plan("linux", environment, tmp_path)
    assert wanted.path == Path("/etc/alice/systemd/user/pgward-agent.service")
    assert 'Environment="PGWARD_HOME=/srv/pg ward"\n' in wanted.text


def test_without_a_user_manager_nothing_is_written(tmp_path, manager):
    manager(fails="show-environment")
    wanted = plan("linux", {}, tmp_path)
    with pytest.raises(UnavailableError, match="no systemd user manager runs") as caught:
        install(wanted)
    assert caught.value.hint.startswith("pgward agent start;")
    assert not wanted.path.exists()


def test_without_systemd_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UnavailableError):
        install(plan("linux", {}, tmp_path))


def test_a_manager_that_refuses_is_quoted(tmp_path, manager):
    manager(fails="enable")
    with pytest.raises(PgwardError, match=r"pgward-agent\.service failed: it went"):
        install(plan("linux", {}, tmp_path))


def test_a_leftover_goes_without_a_manager(tmp_path, manager, monkeypatch):
    manager()
    wanted = plan("linux", {}, tmp_path)
    install(wanted)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert uninstall(wanted)
    assert not wanted.path.exists()


def test_a_manager_that_hangs(tmp_path, manager, monkeypatch):
    manager()
    path = tmp_path / "bin" / "systemctl"
    path.write_text(f"#!{sys.executable}\nimport signal; signal.pause()\n")
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with pytest.raises(UnavailableError):
        install(plan("linux", {}, tmp_path))


def test_on_macos(tmp_path, manager, monkeypatch):
    monkeypatch.setattr(module.os, "getuid", lambda: 501)
    told = manager("launchctl")
    wanted = plan("darwin", {}, tmp_path)
    install(wanted)
    uninstall(wanted)
    path = str(tmp_path / "Library/LaunchAgents/org.pgward.agent.plist")
    assert "<string>--log-file</string>" in wanted.text
    assert told() == [
        ["print", "gui/501"],
        ["bootstrap", "gui/501", path],
        ["print", "gui/501"],
        ["bootout", "gui/501/org.pgward.agent"],
    ]


def test_on_windows(tmp_path, manager):
    told = manager("schtasks")
    wanted = plan("win32", {}, tmp_path)
    install(wanted)
    uninstall(wanted)
    assert wanted.data.startswith(b"\xff\xfe")  # the mark of UTF-16, which schtasks wants
    assert wanted.text.startswith('<?xml version="1.0" encoding="UTF-16"?>\n<Task ')
    assert [words[0] for words in told()] == [
        *("/Query", "/Create", "/Run"),
        *("/Query", "/End", "/Delete"),
    ]
