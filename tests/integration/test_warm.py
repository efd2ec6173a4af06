"""What a test begins without its imports is the program that others begin."""

import os
import signal
import subprocess
from contextlib import nullcontext
from pathlib import Path

import argon2
import psutil
import pytest
import sqlalchemy as sa

from pgward.ca.store.schema import users
from tests.fixtures import cheap_hashes
from tests.fixtures.ca import created
from tests.fixtures.ca_process import pgward
from tests.fixtures.waiting import eventually
from tests.fixtures.warm import Pgward, executed

pytestmark = pytest.mark.integration
WAYS = pytest.mark.parametrize("way", [nullcontext, executed], ids=["forked", "executed"])
# It waits for its input.
WAITING = ["ca", "init", "ca", "--name", "Acme", "--admin-password-file", "-"]


def begun(*arguments: str, **options) -> Pgward:
    return Pgward(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)


@pytest.fixture
def home(tmp_path, monkeypatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return {**os.environ, "PGWARD_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}


@WAYS
def test_streams_and_status(way, home) -> None:
    with way():
        right = pgward("--version", env=home)
        wrong = pgward("nonsense", env=home)
    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout.startswith("pgward ")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "nonsense" in wrong.stderr


@WAYS
def test_input_and_directory(way, home, tmp_path) -> None:
    (tmp_path / "pg_hba.conf").write_text("hostssl all all all cert\n")
    with way():
        done = pgward(
            *("hba", "check", "--hba-file", "pg_hba.conf", "--pg-version", "16", "-o", "json"),
            env=home,
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert '"file": "pg_hba.conf"' in done.stdout


@WAYS
@pytest.mark.parametrize("session", [False, True])
def test_it_is_a_child_in_the_session_that_is_asked_for(way, home, session) -> None:
    with way(), begun("demo", "--help", env=home, start_new_session=session) as ended:
        assert b"Usage" in ended.stdout.read()
    assert ended.returncode == 0
    with way(), begun(*WAITING, env=home, stderr=subprocess.PIPE, start_new_session=session) as one:
        found = psutil.Process(one.pid).ppid(), os.getpgid(one.pid) == one.pid
        one.kill()
    assert found == (os.getpid(), session)
    assert one.returncode == -signal.SIGKILL


@WAYS
def test_masks_and_limits(way, home) -> None:
    before = os.umask(0o027)
    try:
        with way(), begun(*WAITING, env=home, stderr=subprocess.PIPE) as one:
            status = Path(f"/proc/{one.pid}/status").read_text()
            one.kill()
    finally:
        os.umask(before)
    assert "Umask:\t0027\n" in status


def test_what_python_reads_at_its_beginning_has_it_executed(home) -> None:
    def arguments(**variables: str) -> list[str]:
        with begun(*WAITING, env=home | variables, stderr=subprocess.PIPE) as one:
            found: list[str] = eventually(psutil.Process(one.pid).cmdline)
            one.kill()
        return found[1:]

    assert arguments() != ["-m", "pgward", *WAITING]
    assert arguments(PYTHONUTF8="1") == ["-m", "pgward", *WAITING]


@pytest.mark.parametrize(
    ("way", "hasher"),
    [(nullcontext, cheap_hashes.hasher()), (executed, argon2.PasswordHasher())],
    ids=["forked", "executed"],
)
def test_what_a_hash_of_a_password_costs(way, hasher, tmp_path) -> None:
    with way():
        store = sa.create_engine(f"sqlite:///{created(tmp_path / 'ca') / 'ca.db'}")
    with store.connect() as connection:
        (encoded,) = connection.execute(sa.select(users.c.password_hash)).scalars()
    store.dispose()
    assert not hasher.check_needs_rehash(encoded)
