import json

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.hba import prove_commands
from pgward.hba.prove.judging import Report, Row, Status


def row(status: Status, why: str = "because") -> Row:
    return Row(
        "127.0.0.1",
        "TLS",
        "its own role",
        "app",
        "no certificate",
        "out",
        "in",
        "let in",
        status,
        why,
    )


@pytest.fixture
def prove(pg_files, monkeypatch):
    def invoke(*statuses: Status, options: tuple[str, ...] = ()):
        report = Report(16, [row(each) for each in statuses], ["a note"])
        monkeypatch.setattr(prove_commands.run, "prove", lambda *_: report)
        arguments = ["hba", "prove", "--data-dir", str(pg_files.data_dir), *options]
        return CliRunner().invoke(cli, arguments)

    return invoke


def test_all_right(prove) -> None:
    result = prove(Status.OK, Status.OK)
    assert (result.exit_code, result.stdout) == (
        0,
        "PostgreSQL 16: 2 ok, 0 differs, 0 open, 0 not tried\n",
    )
    assert result.stderr == "note: a note\n"
    assert "its own role" in prove(Status.OK, options=("--all",)).stdout


def test_a_difference(prove) -> None:
    result = prove(Status.OK, Status.DIFFERS)
    assert result.exit_code == 1
    title, shown, count = result.stdout.splitlines()
    assert title.startswith("ADDRESS")
    assert shown.split()[-4:] == ["in", "let", "in", "differs"]
    assert count == "PostgreSQL 16: 1 ok, 1 differs, 0 open, 0 not tried"
    assert "differs: 127.0.0.1, TLS, no certificate, its own role: because\n" in result.stderr
    assert "hint: where WANTED and FILES differ, " in result.stderr


@pytest.mark.parametrize("status", [Status.OPEN, Status.NOT_TRIED])
def test_strict(prove, status) -> None:
    assert prove(status).exit_code == 0
    assert prove(status, options=("--strict",)).exit_code == 1


def test_json(prove) -> None:
    told = json.loads(prove(Status.DIFFERS, options=("-o", "json")).stdout)
    assert told["counts"] == {"ok": 0, "differs": 1, "open": 0, "not tried": 0}
    assert told["rows"][0]["why"] == "because"


def test_a_login_that_is_none(prove, tmp_path) -> None:
    result = prove(Status.OK, options=("--login", str(tmp_path)))
    assert result.exit_code == 2
    assert "CERTIFICATE:KEY" in result.stderr
