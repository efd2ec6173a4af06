import json
import os
import sys

import pytest

from pgward.tunnel.agent import notify
from pgward.tunnel.agent.notices import Notice
from pgward.tunnel.agent.notify import DesktopNotifier

NASTY = "--help <b>\"'`$(reboot)` & \\"

RECORDER = """\
#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
sys.exit({status})
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put programs on PATH that record what they were called with; return a reader of that."""
    directory, log = tmp_path / "bin", tmp_path / "calls"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")

    def programs(**statuses):
        for name, status in statuses.items():
            path = directory / name.replace("_", "-")
            path.write_text(RECORDER.format(python=sys.executable, log=str(log), status=status))
            path.chmod(0o755)
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return programs


def test_on_a_desktop_with_libnotify(programs):
    calls = programs(notify_send=0, gdbus=0)
    assert DesktopNotifier().tell(Notice("pgward: your login ends soon", "in 15 minutes"))
    assert calls() == [
        [
            *("notify-send", "--app-name=pgward", "--icon=dialog-password", "--urgency=normal"),
            *("--", "pgward: your login ends soon", "in 15 minutes"),
        ]
    ]


def test_no_name_becomes_an_option_or_markup(programs):
    calls = programs(notify_send=0)
    assert DesktopNotifier().tell(Notice(NASTY, NASTY, urgent=True))
    [call] = calls()
    assert call[3:5] == ["--urgency=critical", "--"]
    assert call[5:] == [NASTY, "--help &lt;b&gt;\"'`$(reboot)` &amp; \\"]


def test_controls_are_shown_as_what_they_are(programs):
    calls = programs(notify_send=0)
    DesktopNotifier().tell(Notice("a\x1b[2J", "b\0\u202e"))
    assert calls()[0][-2:] == ["a\\x1b[2J", "b\\x00\\u202e"]


def test_glibs_program_gets_values_as_text(programs):
    calls = programs(notify_send=1, gdbus=0)
    assert DesktopNotifier().tell(Notice("-t 'x'", NASTY))
    values = calls()[1][calls()[1].index("--") + 1 :]
    assert values[:4] == ['"pgward"', "uint32 0", '"dialog-password"', "\"-t 'x'\""]
    assert json.loads(values[4]) == "--help &lt;b&gt;\"'`$(reboot)` &amp; \\"
    assert values[5:] == ["@as []", "{'urgency': <byte 1>}", "int32 -1"]


def test_without_a_desktop_nothing_is_run(programs, monkeypatch):
    programs(notify_send=0, gdbus=0)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nonexistent")
    assert not DesktopNotifier().tell(Notice("a", "b"))


def test_without_a_program_nothing_is_shown(programs):
    programs()
    assert not DesktopNotifier().tell(Notice("a", "b"))


def test_a_program_that_hangs_is_ended(programs, monkeypatch, tmp_path):
    programs()
    hangs = tmp_path / "bin" / "notify-send"
    hangs.write_text(f"#!{sys.executable}\nimport signal; signal.pause()\n")
    hangs.chmod(0o755)
    monkeypatch.setattr(notify, "SECONDS", 0.2)
    assert not DesktopNotifier().tell(Notice("a", "b"))


def test_on_macos_the_texts_are_arguments_of_the_script(programs, monkeypatch):
    calls = programs(osascript=0)
    monkeypatch.setattr(notify.sys, "platform", "darwin")
    assert DesktopNotifier().tell(Notice("-e quit", NASTY))
    [call] = calls()
    assert call[-3:] == ["--", "-e quit", NASTY]
    assert [word for word in call[1:-3] if word != "-e"] == [
        "on run argv",
        "display notification (item 2 of argv) with title (item 1 of argv)",
        "end run",
    ]


def test_on_windows_the_texts_are_in_the_environment():
    command = notify.powershell(Notice("a", NASTY))
    assert NASTY not in command.stdin + " ".join(command.argv)
    assert command.environment == {"PGWARD_NOTICE_TITLE": "a", "PGWARD_NOTICE_BODY": NASTY}


def test_the_environment_is_otherwise_ours(programs, tmp_path, monkeypatch):
    programs()
    path = tmp_path / "bin" / "notify-send"
    seen = tmp_path / "environment"
    path.write_text(
        f"#!{sys.executable}\nimport os\nopen({str(seen)!r}, 'w').write(os.environ['HOME'])\n"
    )
    path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DesktopNotifier().tell(Notice("a", "b"))
    assert seen.read_text() == os.environ["HOME"]
