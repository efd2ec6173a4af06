import json

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.core.errors import NotFoundError
from pgward.hba import agent_commands as module
from pgward.hba.agent.health import StatusSocket
from pgward.hba.agent.report import Report
from pgward.hba.agent.runner import Standing


@pytest.fixture
def run(pg_files):
    def run(*arguments):
        command = ["hba", "agent", "--data-dir", str(pg_files.data_dir), *map(str, arguments)]
        return CliRunner().invoke(cli, command)

    return run


@pytest.fixture
def running(tmp_path):
    """An agent whose one duty has these problems; its state is in ``tmp_path``."""
    made = []

    def start(*problems):
        duty = Standing("alarm", 1, len(problems), None, problems)
        report = Report("db1", 7, True, [duty], 2, None, 0, 0)
        made.append(StatusSocket(tmp_path / "agent.sock", lambda: report))
        return report

    yield start
    for each in made:
        each.close()


def test_the_status_of_no_agent(run):
    done = run("--status")
    assert done.exit_code == 1
    assert "no agent runs for this data directory" in done.stderr


def test_the_status_of_one_that_fares_ill(run, running, tmp_path):
    report = running("a list ends soon")
    done = run("--status", "--state-dir", tmp_path, "-o", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["duties"] == report.facts()["duties"]
    assert "warning: alarm: a list ends soon" in done.stderr
    assert "the host is not as it should be" in done.stderr


def test_one_whose_first_turns_are_not_over(run, running, tmp_path):
    running()
    done = run("--status", "--state-dir", tmp_path)
    assert done.exit_code == 1
    assert "sessions ended" in done.stdout
    assert "warning: alarm: its first turn is not over" in done.stderr


def test_without_the_driver_nothing_begins(run, monkeypatch):
    def none():
        raise NotFoundError("psycopg is not installed", hint="pip install 'pgward[postgresql]'")

    monkeypatch.setattr(module, "check_driver", none)
    done = run()
    assert done.exit_code == 1
    assert "hint: pip install 'pgward[postgresql]'" in done.stderr


def test_a_token_from_a_file_or_from_stdin(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("pgj1.abc\n")
    assert module._read_token(str(tmp_path / "token")) == "pgj1.abc"
    monkeypatch.setattr(module.terminal, "read_stdin_line", lambda: "pgj1.def\n")
    assert module._read_token("-") == "pgj1.def"
