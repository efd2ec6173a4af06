"""Disks that fill up under `ca serve`, and files that the CA's account may not read or write."""

import os
import shutil
import subprocess
import sys

import httpx2
import pytest

from tests.fixtures.ca_process import CaProcess, pgward
from tests.fixtures.disks import fill_disk
from tests.fixtures.filled import quick_ca
from tests.fixtures.load import Acknowledged, check, load
from tests.fixtures.replicas import until

pytestmark = pytest.mark.integration


def longer(value):
    return pytest.param(value, marks=pytest.mark.soak)


def get(ca, path):
    return httpx2.get(f"{ca.url}{path}", verify=ca.trusting(), timeout=30)


@pytest.fixture
def full(small_disk_of):
    """A disk, and a CA on it that is served and keeps its revocation lists in files there."""
    disk = small_disk_of("16m")  # a write-ahead log alone takes four
    directory = quick_ca(disk / "ca")
    settings = directory / "pgward.toml"
    settings.write_text(settings.read_text().replace('publish_to = ""', 'publish_to = "lists"'))
    ca = CaProcess(directory)
    yield disk, ca
    if ca.process.poll() is None:
        ca.kill()


def test_a_disk_that_fills_up_under_load_costs_nothing_acknowledged(full):
    disk, ca = full
    done = Acknowledged()
    with load(lambda: [ca], done, clients=2):
        done.wait_for(10)
        fill_disk(disk)
        until(lambda: get(ca, "/readyz").json()["checks"]["store"] == "failed")
        assert get(ca, "/readyz").status_code == 503
        for path in ("/v1/trust", "/v1/crls/user-issuing.crl"):
            assert get(ca, path).status_code == 200
        (disk / "filler").unlink()
        until(lambda: get(ca, "/readyz").status_code == 200)
        done.wait_for(len(done.certificates) + 10)
    newest = get(ca, "/v1/crls/user-issuing.crl").content
    until(lambda: (ca.directory / "lists" / "user-issuing.crl").read_bytes() == newest)
    assert ca.stop() == 0
    assert done.lost == []
    check(f"sqlite:///{ca.directory / 'ca.db'}", done)
    assert "not ready: store: the authority's store is unavailable: its disk" in ca.messages()
    assert "Traceback" not in ca.messages()
    assert [path for path in ca.directory.rglob("*") if path.name.endswith(".tmp")] == []


def test_a_full_disk_lets_no_ca_begin_and_leaves_nothing(small_disk_of):
    disk = small_disk_of("64k")
    done = pgward("ca", "init", disk / "ca", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "no space left" in done.stderr or "unavailable: its disk" in done.stderr
    assert list(disk.iterdir()) == []


@pytest.fixture
def bound():
    """Run commands that modes bind, as they bind everyone but root."""
    drop: list[str] = []
    if os.geteuid() == 0:
        program = shutil.which("setpriv") or pytest.skip("setpriv is not installed")
        capabilities = "-dac_override,-dac_read_search"
        drop = [program, "--bounding-set", capabilities, f"--inh-caps={capabilities}"]

    def run(*arguments):
        command = [*drop, sys.executable, "-m", "pgward", "ca", *map(str, arguments)]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("name", ["keys", longer("certs"), longer("keys/user-issuing.key")])
def test_a_backup_without_the_keys_is_none(tmp_path, bound, name):
    directory, file = quick_ca(tmp_path / "ca"), tmp_path / "b.age"
    mode = (directory / name).stat().st_mode
    (directory / name).chmod(0)
    done = bound("backup", directory, file)
    assert done.returncode == 1
    assert f"cannot read {directory / name}: permission denied\n" in done.stderr
    assert "no backup was written" in done.stderr
    (directory / name).chmod(mode)
    assert bound("backup", directory, file).returncode == 0


@pytest.mark.soak
@pytest.mark.parametrize("name", ["ca.db", "."])
def test_a_store_that_cannot_be_written_is_named_and_backed_up(tmp_path, bound, name):
    directory = quick_ca(tmp_path / "ca")
    place = directory / name
    mode = place.stat().st_mode
    place.chmod(0o500 if place.is_dir() else 0o400)
    assert bound("backup", directory, tmp_path / "b.age").returncode == 0
    moving = ("migrate-store", directory, "--to", elsewhere(tmp_path))
    for command in (("serve", directory), moving):
        done = bound(*command)
        assert done.returncode == 1
        assert "cannot be written\n" in done.stderr or "permission denied\n" in done.stderr
        assert str(place) in done.stderr
    place.chmod(mode)
    assert bound(*moving).returncode == 0


def elsewhere(tmp_path):
    return f"sqlite:///{tmp_path / 'there.db'}"


@pytest.mark.soak
def test_places_that_cannot_be_written_get_nothing(tmp_path, bound):
    directory, closed = quick_ca(tmp_path / "ca"), tmp_path / "closed"
    closed.mkdir(mode=0o500)
    whole, word = tmp_path / "b.age", ("--passphrase-file", directory / "passphrase")
    assert bound("backup", directory, whole).returncode == 0
    for command in (
        ["init", closed / "new"],
        ["backup", directory, closed / "b.age"],
        ["restore", whole, closed / "new", *word],
        ["migrate-store", directory, "--to", f"sqlite:///{closed}/x.db"],
    ):
        done = bound(*command)
        assert done.returncode == 1, command
        assert f"{closed}/" in done.stderr
        assert "permission denied" in done.stderr
    assert list(closed.iterdir()) == []
    assert bound("migrate-store", directory, "--to", elsewhere(tmp_path)).returncode == 0
