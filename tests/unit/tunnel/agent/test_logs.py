import io
import logging
import os
import stat
import subprocess
import sys

import pytest

from pgward.tunnel.agent import logs
from pgward.tunnel.agent.logs import BoundedLog


@pytest.fixture
def handler(tmp_path):
    made = BoundedLog(tmp_path / "agent.log", most_bytes=2000, take_output=False)
    yield made
    made.close()


def test_the_log_and_the_one_before_it_are_all_there_is(tmp_path, handler):
    for number in range(200):
        handler.handle(logging.makeLogRecord({"msg": f"line {number} " + "x" * 100}))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"agent.log", "agent.log.1"}
    assert max(sizes.values()) <= 2000
    assert "line 199" in (tmp_path / "agent.log").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_full_disk_ends_nothing(handler, monkeypatch):
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler.stream.close()
    handler.stream = Full()
    handler.handle(logging.makeLogRecord({"msg": "x"}))


def test_what_is_written_to_the_outputs_goes_there_too(tmp_path):
    code = (
        "import logging, os, sys\n"
        "from pathlib import Path\n"
        "from pgward.tunnel.agent import logs\n"
        "logs.MOST_BYTES = 10\n"
        "logs._install(logs.BoundedLog(Path(sys.argv[1]), most_bytes=10))\n"
        "os.write(2, b'to stderr\\n')\n"
        "logging.getLogger('pgward.agent').info('began')\n"
        "logging.getLogger('pgward.agent').info('rolled over')\n"
        "os.write(1, b'to stdout\\n')\n"
    )
    path = tmp_path / "agent.log"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=30)
    assert path.read_text().splitlines()[-1] == "to stdout"
    assert path.read_text().splitlines()[0].endswith("INFO rolled over")


def test_nothing_but_a_file_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "agent.log")
    with pytest.raises(OSError, match="No such device"):
        BoundedLog(tmp_path / "agent.log", take_output=False)


def test_to_stderr_only_our_own_talk_is_heard(capsys):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.to_stderr()
        logging.getLogger("httpx2").info("GET https://ca")
        logging.getLogger("pgward.agent").info("orders is open")
    finally:
        for each in root.handlers[:]:
            root.removeHandler(each)
        for each in before:
            root.addHandler(each)
        root.setLevel(level)
        logging.getLogger("pgward").setLevel(logging.NOTSET)
    said = capsys.readouterr().err
    assert said.endswith("INFO orders is open\n")
    assert "GET" not in said
