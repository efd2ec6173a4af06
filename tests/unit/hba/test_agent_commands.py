import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.core.errors import NotFoundError
from pgward.hba import agent_commands as module
from pgward.hba.agent.report import Report
from pgward.hba.agent.runner import Standing
from pgward.hba.install.host import Host
from pgward.hba.server.datadir import DataDir
from pgward.hba.syntax.versions import Abilities
from pgward.system.health_server import StatusSocket

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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
    assert "ends sessions by       serial number" in done.stdout
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


@pytest.fixture
def host(pg_files):
    found = DataDir.open(pg_files.data_dir)
    return Host(found, found.path / "pgward")


@pytest.mark.parametrize(("version", "lines"), [(11, 1), (12, 0)])
def test_what_a_version_cannot_tell_is_said_at_the_start(host, caplog, version, lines):
    old = replace(host.data_dir, able=Abilities.of(version))
    module._tell_limits(replace(host, data_dir=old))
    assert caplog.text.count(f"PostgreSQL {version} tells no serial number") == lines


@pytest.fixture
def enrolments(monkeypatch):
    made = []
    monkeypatch.setattr(module, "_enrol", lambda _host, token: made.append(token))
    return made


class Enrolled:
    def __init__(self, ends):
        self.not_after = ends

    def close(self):
        """Hold nothing."""


@pytest.mark.parametrize(
    ("token", "left", "used"),
    [
        (None, timedelta(days=1), []),
        ("pgj1.x", timedelta(days=1), []),
        ("pgj1.x", timedelta(0), ["pgj1.x"]),
        (None, timedelta(0), []),
    ],
)
def test_a_token_is_used_where_there_is_no_identity_that_lasts(  # noqa: PLR0917 - cases
    host, enrolments, monkeypatch, token, left, used
):
    monkeypatch.setattr(module.Machine, "load", lambda _: Enrolled(NOW + left))
    module._enrolled(host, token, NOW)
    assert enrolments == used


@pytest.mark.parametrize("token", [None, "pgj1.x"])
def test_whoever_is_not_enrolled_is_now(host, enrolments, token):
    module._enrolled(host, token, NOW)
    assert enrolments == [token]


def test_a_path_that_is_too_long_for_a_socket_costs_the_status_only(host, caplog, tmp_path):
    state = tmp_path / ("x" * 120)
    state.mkdir()
    with ExitStack() as held:
        assert module._serve_status(replace(host, state_dir=state), Made(), None, held) is None
    assert "--status has nobody to ask" in caplog.text


class Made:
    """An agent of which nobody asks anything."""

    def look(self):
        raise AssertionError
