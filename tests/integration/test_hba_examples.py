"""The layouts that the documentation names, set up by its own files and commands."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.hba.check.catalogue import check
from pgward.hba.check.finding import Severity
from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import (
    Cluster,
    find_binaries,
    free_port,
    major_version,
    server_account,
    temporary_directory,
)
from tests.fixtures.hba_configurations import subject_in
from tests.fixtures.material import Login, SmallCa, psql
from tests.fixtures.pgbouncer import NAME, pgbouncer

pytestmark = pytest.mark.integration
_SEEN = "select current_user, client_dn from pg_stat_ssl where pid = pg_backend_pid()"


def apply(cluster: Cluster, ca: SmallCa, **fields) -> work.Outcome:
    found = DataDir.open(cluster.data_dir)
    host = Host(found, found.path / "pgward")
    plan = Plan(tls=host.tls_files, **fields)
    return work.apply(host, plan, ca, names=("localhost",), now=datetime.now(UTC))


def test_pgbouncer_checks_login_certificates_and_shows_its_own(pg, small_ca, tmp_path) -> None:
    """A revoked one it lets in: it knows no revocation lists."""
    pg.psql("create role alice login; create role bob login")
    alice = small_ca.person(tmp_path / "alice", "alice")
    stranger = SmallCa(servers=small_ca.servers).person(tmp_path / "stranger", "alice")
    apply(pg, small_ca, mapped=((NAME, "alice"), (NAME, "bob")))
    with (
        temporary_directory() as directory,
        pgbouncer(pg, small_ca, directory / "etc", ["alice", "bob"]) as port,
    ):
        seen = psql(alice.conninfo(port, "alice"), _SEEN)
        assert seen.stdout == "alice|/CN=pgbouncer\n", seen.stderr
        assert "certificate authentication failed" in refused(alice, port, "bob")
        assert "unknown ca" in refused(stranger, port, "alice")
        assert "SSL required" in refused(alice, port, "alice", sslmode="disable")
        assert refused(alice, port, "alice", sslcert="", sslkey="")
        small_ca.revoked.append(alice.leaf.serial_number)
        found = DataDir.open(pg.data_dir)
        work.refresh(Host(found, found.path / "pgward"), small_ca, now=datetime.now(UTC))
        assert "revoked" in refused(alice, pg.port, "alice")
        assert psql(alice.conninfo(port, "alice")).stdout == "alice\n"


def test_debians_layout(small_ca: SmallCa, tmp_path: Path, monkeypatch) -> None:
    """Configuration in a directory of its own, made and run by Debian's own programs."""
    if shutil.which("pg_createcluster") is None or os.geteuid() != 0:
        pytest.skip("postgresql-common is not here, or we are not root")
    version, name = str(major_version(find_binaries())), "shop"
    with temporary_directory() as directory:
        directory.chmod(0o755)
        monkeypatch.setenv("PG_CLUSTER_CONF_ROOT", str(directory / "etc"))
        (directory / "etc").mkdir()
        (directory / "run").mkdir()
        account = server_account()
        assert account is not None
        os.chown(directory / "run", account.uid, account.gid)
        port, data = free_port(), directory / "data"
        places = ["-d", data, "-l", directory / "log", "-s", directory / "run", "-p", str(port)]
        command(["pg_createcluster", version, name, *places, "--", "--no-sync"])
        try:
            command(["pg_ctlcluster", version, name, "start"])
            sql = f"host={directory / 'run'} port={port} user=postgres dbname=postgres"
            by = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
            command([*by, "psql", "-XqAtd", sql, "-c", "create role alice login"])
            found = DataDir.open(data)
            assert found.hba_file == directory / "etc" / version / name / "pg_hba.conf"
            host = Host(found, found.path / "pgward")
            plan = Plan(tls=host.tls_files)
            now = datetime.now(UTC)
            outcome = work.apply(host, plan, small_ca, names=("localhost",), now=now)
            assert (outcome.running, outcome.took) == (True, True)
            alice = small_ca.person(tmp_path / "alice", "alice")
            assert psql(alice.conninfo(port, "alice")).stdout == "alice\n"
            assert "valid client certificate" in refused(
                alice, port, "alice", sslcert="", sslkey=""
            )
            command(["pg_ctlcluster", version, name, "restart"])
            assert psql(alice.conninfo(port, "alice")).stdout == "alice\n"
            checked = subject_in(found.hba_file.parent, found.able.version)
            assert [each for each in check(checked) if each.severity is Severity.ERROR] == []
        finally:
            command(["pg_dropcluster", "--stop", version, name])


def command(words: list) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def refused(login: Login, port: int, user: str, **more: str) -> str:
    done = psql(login.conninfo(port, user, **more))
    assert done.returncode == 2, done.stdout
    return done.stderr
