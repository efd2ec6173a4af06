import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir


def run(*arguments: object):
    return CliRunner().invoke(cli, ["hba", *map(str, arguments)])


@pytest.fixture
def applied(pg_files, small_ca):
    found = DataDir.open(pg_files.data_dir)
    host = Host(found, found.path / "pgward")
    work.apply(host, Plan(tls=host.tls_files), small_ca, names=(), now=datetime.now(UTC))
    return pg_files.data_dir


def test_the_list(applied) -> None:
    result = run("rollback", "--data-dir", applied, "--list")
    assert result.exit_code == 0, result.output
    assert "apply: cert for all in all from all" in result.stdout
    (change,) = json.loads(run("rollback", "--data-dir", applied, "--list", "-o", "json").stdout)[
        "changes"
    ]
    assert change["pgward"] == "0.1.0"
    assert len(change["files"]) == 3


def test_a_dry_run_then_the_rollback(applied) -> None:
    before = (applied / "pg_hba.conf").read_bytes()
    result = run("rollback", "--data-dir", applied, "--dry-run")
    assert "-hostssl    all  all  all  cert map=pgward" in result.stdout
    assert (applied / "pg_hba.conf").read_bytes() == before
    done = run("rollback", "--data-dir", applied, "-o", "json")
    facts = json.loads(done.stdout)
    assert (facts["changed"], facts["running"], facts["took"]) == (True, False, None)
    assert b"pgward" not in (applied / "pg_hba.conf").read_bytes()


def test_remove(applied) -> None:
    result = run("remove", "--data-dir", applied, "--dry-run")
    assert "-# END pgward" in result.stdout
    done = run("remove", "--data-dir", applied)
    assert "remove: done in" in done.stderr
    assert "takes effect when it starts" in done.stderr
    assert "nothing to change" in run("remove", "--data-dir", applied).stderr
    dry = run("remove", "--data-dir", applied, "--dry-run")
    assert "nothing would change" in dry.stderr


def test_nothing_to_take_back(pg_files) -> None:
    result = run("rollback", "--data-dir", pg_files.data_dir)
    assert result.exit_code == 1
    assert "there is no change to take back" in result.stderr
