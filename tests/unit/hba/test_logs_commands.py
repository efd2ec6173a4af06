import json

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.hba.logs.position import Position

LINE = '2026-11-22 04:00:09.277 UTC [5] FATAL:  role "{}" does not exist\n'


@pytest.fixture
def server(pg_files):
    with (pg_files.data_dir / "postgresql.conf").open("a") as file:
        file.write("log_line_prefix = '%m [%p] '\nlog_connections = on\nlog_disconnections = on\n")
    log = pg_files.data_dir / "pg.log"  # where the server's account can read
    log.write_text(LINE.format("ann"))
    return pg_files, log


def run(server, *words: object, stdin: str | None = None):
    command = ["hba", "logs", "--data-dir", str(server[0].data_dir), "--host", "db1"]
    return CliRunner().invoke(cli, [*command, *map(str, words)], input=stdin)


def test_events_are_printed_a_line_each(server) -> None:
    result = run(server, "--log-file", server[1])
    assert result.exit_code == 0, result.stderr
    (event,) = map(json.loads, result.stdout.splitlines())
    assert (event["action"], event["outcome"], event["target"]) == ("session.open", "denied", "db1")
    assert event["details"]["code"] == "no_role"
    assert result.stderr == ""


def test_a_table_for_people(server) -> None:
    result = run(server, "--log-file", server[1], "--table")
    assert result.stdout == (
        "2026-11-22T04:00:09.277Z  denied  session.open  unknown  -  db1  "
        'role "ann" does not exist\n'
    )


def test_a_position_is_kept(server, tmp_path) -> None:
    words = ("--log-file", server[1], "--position", tmp_path / "at")
    with server[1].open("a") as file:
        file.write(LINE.format("ben"))
    first = run(server, *words)
    assert Position.read((tmp_path / "at").read_bytes()) is not None
    with server[1].open("a") as file:
        file.write(LINE.format("cat"))
    told = first.stdout + run(server, *words).stdout
    ids = [json.loads(line)["id"] for line in told.splitlines()]
    assert len(set(ids)) == len(ids) >= 2
    (tmp_path / "at").write_text("{")
    assert "is damaged" in run(server, *words).stderr


def test_a_log_that_nobody_knows(server) -> None:
    result = run(server)
    assert (result.exit_code, "logging_collector is off" in result.stderr) == (1, True)
