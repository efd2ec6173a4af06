import plistlib
from pathlib import Path

from pgward.tunnel.agent import launchd

GOLDEN = Path(__file__).parent / "golden" / launchd.FILE
COMMAND = ("/opt/p g/bin/python", "-m", "pgward", "agent", "run")


def test_the_job_as_it_was_read_last():
    made = launchd.job(COMMAND, {"PGWARD_HOME": "/Users/alice/<a> & b"})
    assert made == GOLDEN.read_text()
    read = plistlib.loads(made.encode())
    assert read["ProgramArguments"] == list(COMMAND)
    assert read["EnvironmentVariables"] == {"PGWARD_HOME": "/Users/alice/<a> & b"}


def test_without_an_environment():
    assert "EnvironmentVariables" not in plistlib.loads(launchd.job(COMMAND, {}).encode())
