import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.hba import commands
from pgward.hba.install.apply import Outcome
from pgward.hba.install.contents import plan_contents
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.system.files import StorageError


def run(*arguments: object, stdin: str | None = None):
    return CliRunner().invoke(cli, ["hba", *map(str, arguments)], input=stdin)


def test_generate_prints_all_parts() -> None:
    result = run("generate", "--pg-version", 15)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("# ----")] == [
        "# ---- postgresql.conf ----",
        "# ---- pg_hba.conf ----",
        "# ---- pg_ident.conf ----",
    ]
    assert "ssl_key_file = 'pgward/tls/current/server.key'" in result.stdout


def test_generate_one_part() -> None:
    result = run("generate", "--pg-version", 11, "--part", "hba", "--auth", "scram+any-cert")
    assert result.stdout == (
        "# TYPE  DATABASE  USER  ADDRESS  METHOD  (the first line that matches counts)\n"
        "hostnossl  all  all  all  reject\n"
        "host       all  postgres  all  reject\n"
        "hostssl    all  all  all  scram-sha-256 clientcert=1\n"
    )


def test_generate_with_another_place_for_the_material() -> None:
    result = run("generate", "--pg-version", 15, "--part", "postgresql", "--tls-dir", "/etc/x/")
    assert "ssl_ca_file = '/etc/x/user-ca.crt'" in result.stdout


@pytest.mark.parametrize("version", ["10", "19", "x"])
def test_generate_for_an_unknown_version(version) -> None:
    result = run("generate", "--pg-version", version)
    assert result.exit_code == 2


def test_a_dry_run_shows_and_changes_nothing(pg_files) -> None:
    before = {p.name: p.read_bytes() for p in pg_files.data_dir.iterdir()}
    result = run("apply", "--data-dir", pg_files.data_dir, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "+hostssl    all  all  all  cert map=pgward" in result.stdout
    assert "lets all into replication from 127.0.0.1/32" in result.stderr
    document = json.loads(
        run("apply", "--data-dir", pg_files.data_dir, "--dry-run", "-o", "json").stdout
    )
    assert (document["dry_run"], document["changed"]) == (True, True)
    assert document["diff"].rstrip() in result.stdout
    assert {p.name: p.read_bytes() for p in pg_files.data_dir.iterdir()} == before


def test_a_dry_run_for_ci(pg_files) -> None:
    words = ("apply", "--data-dir", pg_files.data_dir, "--dry-run", "--exit-code")
    assert run(*words).exit_code == 1
    result = run(*words, "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["changed"]) == (1, True)
    host = host_of(pg_files)
    for edit in plan_contents(host.data_dir, Plan(tls=host.tls_files)).edits:
        edit.path.write_bytes(edit.after)
    same = run(*words)
    assert (same.exit_code, same.stdout) == (0, "")
    assert "nothing would change" in same.stderr


def test_apply_without_a_token(pg_files) -> None:
    result = run("apply", "--data-dir", pg_files.data_dir)
    assert result.exit_code == 2
    assert "this host is not enrolled with the CA" in result.stderr
    assert "hint: an administrator makes a token" in result.stderr


@pytest.mark.parametrize("command", ["apply", "refresh"])
def test_no_data_directory(command, tmp_path) -> None:
    result = run(command, "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "is not a PostgreSQL data directory" in result.stderr


def test_the_token_on_stdin_must_be_text(monkeypatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    with pytest.raises(InvalidInputError, match="the first line of stdin is not UTF-8"):
        commands._read_token("-")


def test_a_directory_that_one_may_not_read_is_no_wrong_usage(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    result = run("apply", "--data-dir", tmp_path)
    assert f"{tmp_path} is not a PostgreSQL data directory" in result.stderr


def test_the_token_comes_from_a_file(tmp_path) -> None:
    (tmp_path / "t").write_text("pgj1.abc\n")
    assert commands._read_token(str(tmp_path / "t")) == "pgj1.abc"
    (tmp_path / "t").write_text("\n")
    with pytest.raises(InvalidInputError, match="this file is empty"):
        commands._read_token(str(tmp_path / "t"))
    with pytest.raises(StorageError):
        commands._read_token(str(tmp_path / "none"))


def host_of(cluster) -> Host:
    found = DataDir.open(cluster.data_dir)
    return Host(found, found.path / "pgward")


def outcome(small_ca, **fields) -> Outcome:
    values = {"changed": True, "running": True, "took": True, "recovered": False, **fields}
    return Outcome(small_ca.current(), **values)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "the running server took it"),
        ({"took": None}, "could not be verified"),
        ({"running": False, "took": None}, "takes effect when it starts"),
    ],
)
def test_what_is_told_of_the_effect(small_ca, fields, said) -> None:
    assert said in commands._effect(outcome(small_ca, **fields))


def test_what_is_told(small_ca, pg_files, capsys) -> None:
    host = host_of(pg_files)
    done = outcome(small_ca, recovered=True, away="no route", warnings=("f:1: open",))
    commands._tell(host, done, datetime.now(UTC))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == [
        "an earlier run was cut off; what it left was undone first",
        "warning: f:1: open",
        "warning: the CA gave nothing new: no route",
    ]
    assert lines[5].startswith("the server certificate, for 127.0.0.1, localhost, ends 20")
    assert lines[6].startswith("the next `pgward hba refresh` must succeed before 20")


def test_time_is_short(small_ca, pg_files) -> None:
    host = host_of(pg_files)
    late = datetime.now(UTC) + timedelta(days=6, hours=12)
    with pytest.raises(PgwardError, match="will refuse everyone"):
        commands._tell(host, outcome(small_ca, away="no route"), late)
