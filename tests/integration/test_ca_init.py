"""`pgward ca init`: whole or not at all, on any disk, killed at any moment."""

import json
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgward.ca.identity import directory as people
from pgward.ca.store import open_store
from pgward.pki import fingerprint, pem
from tests.fixtures.ca_process import pgward

pytestmark = pytest.mark.integration


def init(directory, *arguments, **options):
    return pgward("ca", "init", directory, "--listen", "127.0.0.1:0", *arguments, **options)


def contents(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def listed(directory):
    return sorted(path.name for path in directory.iterdir())


def test_it_says_what_a_person_needs_next(tmp_path):
    done = init(tmp_path / "ca", "--name", "Acme", "--dns", "ca.example.com")
    root = pem.split((tmp_path / "ca/certs/server-root.crt").read_bytes())[0]
    assert done.returncode == 0, done.stderr
    told = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    told = {key: value.strip() for key, value in told.items()}
    assert told["fingerprint"] == fingerprint.of(root)
    assert told["url"] == "https://ca.example.com:0"
    assert f"pgward ca serve {tmp_path}/ca" in done.stderr


def test_generated_secrets_are_in_files_and_nowhere_else(tmp_path):
    done = init(tmp_path / "ca", "--output", "json")
    made = json.loads(done.stdout)
    for name in ("password_file", "passphrase_file"):
        path = Path(made[name])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        secret = path.read_text().strip()
        assert len(secret) >= 20
        assert secret not in done.stdout + done.stderr


def test_files_are_private(ca_directory):
    assert stat.S_IMODE(ca_directory.stat().st_mode) == 0o700
    modes = {
        str(path.relative_to(ca_directory)): stat.S_IMODE(path.stat().st_mode)
        for path in ca_directory.rglob("*")
    }
    public = {name for name, mode in modes.items() if mode & 0o077}
    assert public == {name for name in modes if name.startswith("certs")}


def test_the_first_administrator_is_there(ca_directory):
    store = open_store(f"sqlite:///{ca_directory}/ca.db")
    with store.read() as connection:
        admin = people.get(connection, "admin")
    store.close()
    assert admin.administrator
    assert not (ca_directory / "initial-admin-password").exists()


def test_a_second_init_is_refused_and_changes_nothing(ca_directory):
    before = contents(ca_directory)
    again = init(ca_directory)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"there is a CA in {ca_directory} already" in again.stderr
    assert "hint: pgward ca serve" in again.stderr
    assert contents(ca_directory) == before


def test_a_directory_with_other_things_is_refused(tmp_path):
    (tmp_path / "notes").write_text("mine")
    done = init(tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path} is there already" in done.stderr
    assert contents(tmp_path) == {"notes": b"mine"}


def test_an_empty_directory_is_used(tmp_path):
    (tmp_path / "ca").mkdir()
    assert init(tmp_path / "ca").returncode == 0
    assert listed(tmp_path) == ["ca"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--admin", "a,b"], "cannot be a user name"),
        (["--dns", "a_b"], "is not a DNS name"),
        (["--ip", "10.0"], "is not an IP address"),
        (["--name", "a/b"], "cannot be the CA's name"),
        (["--listen", "nowhere"], "is not an address"),
        (["--passphrase-file", "/nowhere"], "there is no passphrase file"),
        (["--admin-password-file", "/nowhere"], "the password cannot be read"),
    ],
)
def test_bad_arguments_leave_nothing(tmp_path, arguments, message):
    done = init(tmp_path / "ca", *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert listed(tmp_path) == []


def test_a_bad_password_leaves_nothing(tmp_path):
    done = init(tmp_path / "ca", "--admin-password-file", "-", stdin="short\n")
    assert done.returncode == 2
    assert "the password has 5 letters" in done.stderr
    assert listed(tmp_path) == []


def test_a_parent_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    done = init(tmp_path / "file" / "ca")
    assert done.returncode == 1
    assert "cannot create" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a read-only place")
def test_a_read_only_place_is_told():
    done = init("/sys/kernel/ca")
    assert done.returncode == 1
    assert "cannot create /sys/kernel/ca: " in done.stderr
    assert "nothing was created" in done.stderr


@pytest.mark.parametrize("room", [pytest.param(0, marks=pytest.mark.soak), 100_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, room):
    def limit():
        # A file that may not grow fails as a full disk does, at a byte that the test chooses.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    done = init(tmp_path / "ca", preexec_fn=limit)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "hint: " in done.stderr
    assert listed(tmp_path) == []


@pytest.mark.soak
def test_killed_at_any_moment_it_leaves_nothing_half_made(tmp_path):
    whole = _time_one(tmp_path / "timed")
    target = tmp_path / "place" / "ca"
    target.parent.mkdir()
    for step in range(12):
        _run_and_kill(target, whole * (0.3 + 0.06 * step))
        if target.exists():
            break
    else:
        assert init(target).returncode == 0
    _assert_whole(target)
    assert [name for name in listed(target.parent) if not name.endswith(".lock")] == ["ca"]


def _time_one(directory):
    began = time.monotonic()
    assert init(directory).returncode == 0
    return time.monotonic() - began


def _run_and_kill(target, seconds):
    child = subprocess.Popen(
        [sys.executable, "-m", "pgward", "ca", "init", str(target), "--listen", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with child:
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()


def _assert_whole(directory):
    again = init(directory)
    assert "there is a CA in" in again.stderr
    store = open_store(f"sqlite:///{directory}/ca.db")
    with store.read() as connection:
        assert people.get(connection, "admin").administrator
    store.close()
