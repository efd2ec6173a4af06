import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pgward.tunnel.agent import systemd

GOLDEN = Path(__file__).parent / "golden" / systemd.NAME
COMMAND = ("/opt/p g/bin/python", "-m", "pgward", "agent", "run")


def test_the_unit_as_it_was_read_last():
    made = systemd.unit(COMMAND, {"PGWARD_HOME": "/home/alice/100% $HOME"})
    assert made == GOLDEN.read_text()


def test_without_an_environment_there_is_no_line_of_it():
    assert "Environment" not in systemd.unit(COMMAND, {})


def test_no_path_gets_out_of_its_word():
    text = systemd.unit(('/a"b\\c $x', "--"), {})
    assert 'ExecStart="/a\\"b\\\\c $$x" --\n' in text


@pytest.mark.parametrize("word", ["a\nExecStart=/bin/sh", "a\0b", "\r"])
def test_no_path_begins_a_line(word):
    with pytest.raises(ValueError, match="cannot stand in a unit file"):
        systemd.unit((word,), {})
    with pytest.raises(ValueError, match="cannot stand in a unit file"):
        systemd.unit(COMMAND, {"PGWARD_HOME": word})


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_systemd_takes_it(tmp_path):
    path = tmp_path / systemd.NAME
    path.write_text(systemd.unit((sys.executable, "-m", "pgward"), {"PGWARD_HOME": "/a b"}))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(path)],
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, systemd.NAME in done.stderr) == (0, False), done.stderr
