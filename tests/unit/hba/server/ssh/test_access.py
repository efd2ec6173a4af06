import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_interface
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.hba.server.disk import owner_of
from pgward.hba.server.interfaces import interfaces
from pgward.hba.server.locking import locked
from pgward.hba.server.ssh import access as module
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.access import SshAccess, _apart, addresses
from pgward.hba.server.ssh.connection import Done
from pgward.hba.server.ssh.scripts import Command
from pgward.system.postgres import find_binaries
from tests.fixtures.here_shell import HereShell

pytestmark = pytest.mark.integration

HEEDING = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
print(".", end="", flush=True)
time.sleep(60)
"""


@pytest.fixture
def access(sshd):
    with sshd.connection() as connection:
        yield SshAccess(connection)


def test_the_account(access, tmp_path, pg_files) -> None:
    there = access.owner_of(pg_files.data_dir)
    here = owner_of(pg_files.data_dir)
    assert (there.uid, there.gid) == (here.uid, here.gid)
    access.check_caller(pg_files.data_dir, there)
    done = access.execute(["id", "-u"], account=there, directory=pg_files.data_dir, timeout=30)
    assert done.stdout == f"{here.uid}\n"
    with pytest.raises(NotFoundError, match="there is no"):
        access.owner_of(tmp_path / "none")


def test_programs(access, pg_files) -> None:
    owner = access.owner_of(pg_files.data_dir)
    found = access.find_binaries(pg_files.version, owner, [pg_files.bin_dir])
    assert found == pg_files.bin_dir == find_binaries(pg_files.version)
    assert access.find_client("psql", found).name == "psql"
    with pytest.raises(NotFoundError, match=r"PostgreSQL 99 were found"):
        access.find_binaries(99, owner, [])
    with pytest.raises(NotFoundError, match="no-such was not found"):
        access.find_client("no-such", found)


def test_a_program_that_takes_too_long(access, pg_files) -> None:
    owner = access.owner_of(pg_files.data_dir)
    with pytest.raises(subprocess.TimeoutExpired):
        access.execute(["sleep", "60"], account=owner, directory=pg_files.data_dir, timeout=0.3)


def test_processes(access, tmp_path) -> None:
    owner = access.owner_of(tmp_path)
    assert access.program_of(os.getpid()) == Path(sys.executable).resolve()
    assert access.program_of(2**22 + 1) is None
    assert ip_interface("127.0.0.1/8") in access.interfaces()
    assert not access.is_server(os.getpid(), owner)
    # Who runs the tests under nohup would have it ignore the signal.
    heeding = [sys.executable, "-c", HEEDING]
    with subprocess.Popen(heeding, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"."
        access.hang_up(process.pid)
        assert process.wait(10) == -1
    assert not psutil.pid_exists(process.pid)
    with pytest.raises(ProcessLookupError):
        access.hang_up(process.pid)


def test_the_lock_holds_against_runs_of_either_kind(access, sshd, tmp_path) -> None:
    owner = access.owner_of(tmp_path)
    lock = tmp_path / "lock"
    with access.locked(lock, owner, seconds=5):
        with pytest.raises(UnavailableError, match="works on this server: a run by SSH, since"):
            locked(lock, owner, seconds=0).__enter__()
        with sshd.connection() as other:
            second = SshAccess(other)
            second.owner_of(tmp_path)
            with pytest.raises(UnavailableError, match="a run by SSH, since"):
                second.locked(lock, owner, seconds=0).__enter__()
    with locked(lock, owner, seconds=5):
        assert (tmp_path / "session").read_bytes() == b""


def test_a_lost_connection_lets_go_of_the_lock_and_changes_nothing_more(sshd, tmp_path) -> None:
    lock = tmp_path / "lock"
    with sshd.connection() as lost, pytest.raises(UnavailableError):  # noqa: PT012 - all of it
        access = SshAccess(lost)
        owner = access.owner_of(tmp_path)
        with access.locked(lock, owner, seconds=5):
            fence = access._runner._fence
            line = Command('echo late > "$1"', (str(tmp_path / "f"),), fence=fence).line("w")
            sshd.cut()
            with locked(lock, owner, seconds=20):
                late = subprocess.run(["sh", "-c", scripts.LOOP], input=line, check=False)
                assert late.returncode == 0
            access.disk(owner).replace(tmp_path / "f", b"x")
    assert not (tmp_path / "f").exists()


def test_a_program_is_told_something(access, pg_files) -> None:
    owner = access.owner_of(pg_files.data_dir)
    done = access.execute(
        ["cat"], account=owner, directory=pg_files.data_dir, timeout=30, told="ü\n"
    )
    assert done.stdout == "ü\n"
    commands = [["echo", "a"], ["false"], ["pwd"]]
    several = access.execute_all(commands, account=owner, directory=pg_files.data_dir, timeout=30)
    assert [(each.returncode, each.stdout) for each in several] == [
        (0, "a\n"),
        (1, ""),
        (0, f"{pg_files.data_dir}\n"),
    ]


def test_its_addresses_and_its_clock(access) -> None:
    if shutil.which("ip", path=scripts.PATH) is None:
        with pytest.raises(NotFoundError, match="samehost and samenet mean: there is no ip"):
            access.interfaces()
    else:
        assert set(access.interfaces()) == {each for each in interfaces() if each.version in {4, 6}}
    assert access.ahead == timedelta()


def test_the_addresses_that_ip_tells() -> None:
    said = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever
2: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever
3: wg0    inet 10.8.0.2 peer 10.8.0.1/32 scope global wg0\\       valid_lft forever
4: x    link/none
"""
    assert list(map(str, addresses(said))) == [
        "127.0.0.1/8",
        "::1/128",
        "192.0.2.2/24",
        "10.8.0.2/32",
    ]


@pytest.mark.parametrize(("ahead", "seen"), [(0, 0), (3, 3), (3600, 3600), (-3600, -3599), (-1, 0)])
def test_a_clock_that_is_wrong(ahead, seen) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert _apart(now + timedelta(seconds=ahead), now, now) == timedelta(seconds=seen)


@pytest.fixture
def told(monkeypatch):
    """Give an access whose shells have these answers; keep what each was started by."""
    prefixes: list[list[str]] = []

    def make(*answers: Done) -> tuple[SshAccess, list[list[str]]]:
        given = list(answers)

        class Shell(HereShell):
            def __init__(self, _: object, prefix: Sequence[str] = ()) -> None:
                super().__init__()
                self.answers = given
                prefixes.append(list(prefix))

            def close(self) -> None:
                pass

        monkeypatch.setattr(module, "Shell", Shell)
        return SshAccess(SimpleNamespace(target="db1")), prefixes

    return make


ME = Done(0, f"1000\n{int(time.time())}\n".encode(), "")


def test_sudo_where_we_are_somebody_else(told) -> None:
    refused = Done(1, b"", "sudo: a password is required\n")
    access, prefixes = told(ME, Done(0, b"postgres 26 26\n", ""), refused)
    owner = access.owner_of("/data")
    with pytest.raises(PgwardError, match="cannot become that account: a password is req") as no:
        access.check_caller("/data", owner)
    assert no.value.hint == (
        "come as root or postgres, or have sudo let you become that account without a password "
        "(NOPASSWD)"
    )
    assert prefixes == [[], ["sudo", "-n", "-u", "postgres", "--"]]


def test_an_account_of_a_domain(told) -> None:
    access, prefixes = told(ME, Done(0, b"CORP\\some \xffuser 900 901\n", ""))
    owner = access.owner_of("/data")
    assert (owner.name, owner.uid, owner.gid) == ("CORP\\some \udcffuser", 900, 901)
    assert prefixes[1] == ["sudo", "-n", "-u", owner.name, "--"]


def test_a_directory_that_only_sudo_may_look_into(told) -> None:
    closed = Done(1, b"", "stat: cannot statx '/d/x': Permission denied\n")
    access, prefixes = told(ME, closed, Done(0, b"postgres 26 26\n", ""))
    assert access.owner_of("/d/x").uid == 26
    assert prefixes[1] == ["sudo", "-n", "-u", "postgres", "--"]


@pytest.mark.parametrize(
    "said", [Done(1, b"This account is not available.\n", ""), Done(0, b"Welcome!\n0\n", "")]
)
def test_what_runs_no_commands(told, said) -> None:
    with pytest.raises(PgwardError, match=r"does not run commands: '(Welcome|This account)"):
        told(said)
