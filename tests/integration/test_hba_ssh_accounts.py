"""Servers by SSH as accounts that are neither root nor the server's, through sudo."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.ssh.access import SshAccess
from tests.fixtures.material import psql
from tests.fixtures.ssh_accounts import SHELLS

pytestmark = pytest.mark.integration


def test_sudo_without_a_password(pg, small_ca, ssh_accounts, tmp_path) -> None:
    pg.psql("create role alice login")
    login = small_ca.person(tmp_path / "alice", "alice")
    with replace(ssh_accounts, user="admin").connection() as connection:
        found = DataDir.open(pg.data_dir, None, SshAccess(connection))
        host = Host(found, found.path / "pgward")
        plan, now = Plan(tls=host.tls_files), datetime.now(UTC)
        outcome = work.apply(host, plan, small_ca, names=("localhost",), now=now)
        assert (outcome.took, outcome.changed) == (True, True)
        small_ca.renew()
        assert work.refresh(host, small_ca, now=datetime.now(UTC)).took is True
    assert psql(login.conninfo(pg.port, "alice")).stdout == "alice\n"
    owners = {path.lstat().st_uid for path in (pg.data_dir / "pgward").rglob("*")}
    assert owners == {pg.data_dir.stat().st_uid}


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (
            "asked",
            "cannot read .*/data on asked@127.0.0.1: permission denied; by sudo: a password is req",
        ),
        ("nologin", "the shell of nologin@127.0.0.1 does not run commands: 'This account is"),
    ],
)
def test_who_cannot(pg_files, ssh_accounts, user, said) -> None:
    with (
        replace(ssh_accounts, user=user).connection() as connection,
        pytest.raises(PgwardError, match=said) as caught,
    ):
        DataDir.open(pg_files.data_dir, None, SshAccess(connection))
    wanted = "NOPASSWD" if user == "asked" else "give that account a shell"
    assert wanted in str(caught.value.hint)


def test_who_may_look_and_cannot_become_it(ssh_accounts) -> None:
    with replace(ssh_accounts, user="asked").connection() as connection:
        access = SshAccess(connection)
        owner = access.owner_of("/var/lib/postgresql")
        with pytest.raises(PgwardError, match="cannot become that account: a password is required"):
            access.check_caller("/var/lib/postgresql", owner)


@pytest.mark.parametrize("user", ["talker", "fisher", "cshell"])
def test_login_shells_of_any_kind(pg_files, ssh_accounts, user) -> None:
    if SHELLS[user] is None:
        pytest.skip("that shell is not installed")
    odd = pg_files.data_dir / "it's \\' \n odd!"
    with replace(ssh_accounts, user=user).connection() as connection:
        found = DataDir.open(pg_files.data_dir, None, SshAccess(connection))
        lock = pg_files.data_dir / "lock"
        with found.access.locked(lock, found.owner, seconds=5):
            found.disk.replace(odd, b"\0'\\!\n")
            assert found.disk.read(odd) == b"\0'\\!\n"
    assert odd.read_bytes() == b"\0'\\!\n"


def test_nothing_is_changed_outside(ssh_accounts) -> None:
    assert ssh_accounts.process.poll() is None
    done = subprocess.run(["id", "admin"], capture_output=True, check=False)
    assert done.returncode != 0
