import os
import subprocess
import sys
from ipaddress import ip_interface
from pathlib import Path

import psutil
import pytest

from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.hba.server.disk import owner_of
from pgward.hba.server.locking import locked
from pgward.hba.server.ssh.access import SshAccess
from pgward.hba.server.ssh.connection import Done
from pgward.system.postgres import find_binaries

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
            line = access._line('echo late > "$1"', [str(tmp_path / "f")], fenced=True)
            sshd.cut()
            with locked(lock, owner, seconds=20):
                late = subprocess.run(["sh", "-c", line], check=False)
                assert late.returncode != 0
            access.disk(owner).replace(tmp_path / "f", b"x")
    assert not (tmp_path / "f").exists()


class Told:
    """A connection that gives prepared answers, and keeps what it was asked."""

    def __init__(self, *answers: Done) -> None:
        self.answers, self.lines = list(answers), []
        self.target = "db1"

    def run(self, line: str, *_: object) -> Done:
        self.lines.append(line)
        return self.answers.pop(0)


def test_sudo_where_we_are_somebody_else() -> None:
    refused = Done(1, b"", "sudo: a password is required\n")
    told = Told(Done(0, b"1000\n", ""), Done(0, b"postgres 26 26\n", ""), refused)
    access = SshAccess(told)
    owner = access.owner_of("/data")
    with pytest.raises(PgwardError, match="cannot become that account: a password is req"):
        access.check_caller("/data", owner)
    assert told.lines[2].startswith("sudo -n -u postgres -- env -i")


def test_a_directory_that_only_sudo_may_look_into() -> None:
    closed = Done(1, b"", "stat: cannot statx '/d/x': Permission denied\n")
    told = Told(Done(0, b"1000\n", ""), closed, Done(0, b"postgres 26 26\n", ""))
    assert SshAccess(told).owner_of("/d/x").uid == 26
    assert told.lines[2].startswith("sudo -n -u postgres -- ")


def test_a_shell_that_says_more_than_it_is_asked() -> None:
    with pytest.raises(PgwardError, match=r"does not just run commands: b'Welcome"):
        SshAccess(Told(Done(0, b"Welcome!\n0\n", "")))
