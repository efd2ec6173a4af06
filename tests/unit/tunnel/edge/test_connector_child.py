import sys
from pathlib import Path

import pytest

from pgward.tunnel.edge import connector_child as module
from pgward.tunnel.edge.connector_child import ConnectorChild, command
from tests.fixtures.waiting import eventually

# It says that it runs by a line in a file, and ends as a connector does.
PROGRAM = "import sys; open(sys.argv[1], 'a').write('on\\n'); {then}"


def child(path, then):
    return ConnectorChild((sys.executable, "-c", PROGRAM.format(then=then), str(path)))


def lines(path):
    return path.read_text().count("\n") if path.exists() else 0


def test_it_serves_the_directory_of_the_edge():
    found = command(Path("/e1"), "info")
    assert found[1:] == (
        *("-m", "pgward", "connector", "serve", "/e1"),
        *("--log-level", "info", "--until-eof"),
    )


def test_it_ends_when_the_edge_says_so(tmp_path):
    made = child(tmp_path / "on", "sys.stdin.read()")
    made.start()
    eventually(lambda: lines(tmp_path / "on") == 1)
    made.end()
    assert lines(tmp_path / "on") == 1


def test_it_is_started_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    made = child(tmp_path / "on", "sys.exit(3)")
    made.start()
    eventually(lambda: lines(tmp_path / "on") >= 2)
    made.end()
    assert "the connector ended with 3 and is started again in 0.01 s" in caplog.text


def test_one_that_does_not_end_is_killed(tmp_path, caplog):
    made = child(tmp_path / "on", "import time; time.sleep(60)")
    made.start()
    eventually(lambda: lines(tmp_path / "on") == 1)
    made.end(0.05)
    assert "the connector does not end, and is killed" in caplog.text


@pytest.mark.parametrize("program", ["/no/such/program"])
def test_one_that_cannot_be_started_is_told_of(program, caplog, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    made = ConnectorChild((program,))
    made.start()
    eventually(lambda: "No such file" in caplog.text)
    made.end()


def test_one_that_ended_before_it_began_does_nothing(tmp_path):
    made = child(tmp_path / "on", "pass")
    made._stopping.set()
    assert made._run_once() == 0
    assert lines(tmp_path / "on") == 0
