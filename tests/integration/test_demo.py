"""`pgward demo` as its users run it, and what is left of it afterwards: nothing."""

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from pgward.system.postgres import find_binaries, find_client

pytestmark = pytest.mark.integration

KEYS = {
    *("ca_url", "fingerprint", "home", "admin_home", "user", "password_file", "service", "edge"),
    *("tunnel", "upstream", "conninfo", "server_name"),
}
READY = "Ctrl-C ends and removes it all"
SECONDS = 120


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the server's account can reach, on a path short enough for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="pgd-", dir="/tmp"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def demo(place: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run `pgward demo` with ``place`` for its temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pgward", "demo", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit status, and the rest of what was printed."""
    output, _ = process.communicate(timeout=SECONDS)
    return process.returncode, output


def read_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    return [process.stdout.readline() for _ in range(count)]


def running(place: Path) -> list[list[str]]:
    """The command lines of processes that have to do with a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(str(place) in word for word in words):
            found.append(process.cmdline())
    return found


@pytest.mark.soak
def test_everything_is_shown_and_nothing_left(place):
    with demo(place) as process:
        code, story = finish(process)
    assert code == 0, story
    for words in (
        r"client_dn +/CN=alice",
        r"client_serial +\d{20,}",
        r"version +TLSv1\.3",
        r"FATAL: connection requires a valid client certificate",
        r"the edge refuses: .*unknown ca",
        r"ERROR: permission denied for table orders",
        r"your access to shop-asked has ended",
        r"PostgreSQL has no role bob any more",
        r"entry \d+ of \d+ in the CA's log",
        r"found: certificates [0-9a-f]+: subject was altered",
        r"0x[0-9a-f]+: good",
        r"the session answered [1-9]\d* times meanwhile",
        r"0x[0-9a-f]+: revoked",
        r"the live session ended [0-4]\.\d\d s after",
        r"refused: your account is blocked",
        r"refused: .*certificate revoked",
    ):
        assert re.search(words, story), f"{words}\n{story}"
    assert list(place.iterdir()) == []
    assert running(place) == []


@pytest.mark.parametrize(
    ("lines", "number", "code"),
    [
        (1, signal.SIGTERM, 143),
        (4, signal.SIGINT, 130),
        pytest.param(9, signal.SIGTERM, 143, marks=pytest.mark.soak),
        pytest.param(16, signal.SIGINT, 130, marks=pytest.mark.soak),
        pytest.param(53, signal.SIGTERM, 143, marks=pytest.mark.soak),
    ],
)
def test_nothing_is_left_whenever_it_is_ended(place, lines, number, code):
    with demo(place) as process:
        read_lines(process, lines)
        process.send_signal(number)
        ended, rest = finish(process)
    assert (ended, rest.splitlines()[-1:]) == (
        code,
        [f"ended by {number.name}; nothing is left behind"],
    )
    assert list(place.iterdir()) == []
    assert running(place) == []


def test_a_directory_that_holds_something_is_refused(place):
    (place / "mine").write_text("dear")
    with demo(place, "--hold", "--dir", place) as process:
        code, said = finish(process)
    assert code == 1
    assert said == (f"pgward: {place} is not empty\nhint: name a directory that is new or empty\n")
    assert (place / "mine").read_text() == "dear"


class Held:
    """A held demo: its facts, and PostgreSQL's client programs on it."""

    def __init__(self, directory: Path, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.path = directory / "demo.json"
        self.facts = json.loads(self.path.read_text())
        self.conninfo = self.facts["conninfo"]

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(find_client(program, find_binaries())), *arguments]

    def run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            self.command(program, *arguments), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pgward(self, *arguments: str) -> str:
        env = {
            **os.environ,
            "PGWARD_HOME": self.facts["home"],
            "PGWARD_TOKEN_STORE": "file",
        }
        return subprocess.run(
            [sys.executable, "-m", "pgward", *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@pytest.fixture
def held(place) -> Iterator[Held]:
    with demo(place, "--hold", "--dir", place / "d") as process:
        for line in process.stdout:
            if READY in line:
                break
        yield Held(place / "d", process)
        process.send_signal(signal.SIGINT)
        assert finish(process)[0] == 0
    assert list(place.iterdir()) == []
    assert running(place) == []


@pytest.mark.soak
def test_a_held_demo_can_be_used_with_postgresqls_own_programs(held, tmp_path):
    assert set(held.facts) == KEYS
    assert stat.S_IMODE(held.path.stat().st_mode) == 0o600
    assert held.run("psql", "-XAt", held.conninfo, "-c", "select 1") == "1\n"
    held.run("pgbench", "-i", "-q", held.conninfo)
    held.run("pgbench", "-S", "-n", "-c", "8", "-t", "50", held.conninfo)
    assert "PostgreSQL database dump complete" in held.run("pg_dump", held.conninfo)
    assert copied(held, tmp_path / "out") == copied(held, tmp_path / "back", back=True)
    assert cancelled(held) == "ERROR:  canceling statement due to user request"
    # A tunnel that was opened in the background meanwhile ends with it, too.
    held.pgward("disconnect", "shop")
    held.pgward("connect", "shop", "--detach")


def copied(held: Held, file: Path, *, back: bool = False) -> str:
    """Copy a table out, after copying the former file in if ``back``; return the digest."""
    if back:
        held.run(
            *("psql", "-Xq", held.conninfo, "-c", "create table again (like pgbench_accounts)"),
            *("-c", f"\\copy again from '{file.with_name('out')}'"),
        )
    table = "again" if back else "pgbench_accounts"
    held.run("psql", "-Xq", held.conninfo, "-c", f"\\copy {table} to '{file}'")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def cancelled(held: Held) -> str:
    """Press Ctrl-C in psql while it waits; return what the server said."""
    script = b"select 'here';\nselect pg_sleep(60);\n"
    with subprocess.Popen(
        held.command("psql", "-XAtq", held.conninfo),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        process.stdin.write(script)
        assert process.stdout.readline() == b"here\n"
        wait_until_asleep(held)
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        said = process.stderr.read().decode()
    return next(line for line in said.splitlines() if line.startswith("ERROR"))


def wait_until_asleep(held: Held) -> None:
    with psycopg.connect(held.conninfo, autocommit=True) as connection:
        query = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        while connection.execute(query).fetchone() != (1,):
            pass


@pytest.mark.soak
def test_five_hundred_sessions_at_once(held):
    held.run("pgbench", "-i", "-q", held.conninfo)
    out = held.run("pgbench", "-S", "-n", "-c", "500", "-j", "2", "-t", "2", held.conninfo)
    assert "number of transactions actually processed: 1000/1000" in out
