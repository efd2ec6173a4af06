"""Backups while a CA serves, restores, and moves: killed, out of room, and on PostgreSQL."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx2
import pytest
import sqlalchemy as sa

from pgward.ca.backup import create as backup
from pgward.ca.backup import moving
from pgward.ca.backup.restore import restore
from pgward.ca.settings import Settings
from pgward.ca.store import copying, create, open_store
from pgward.ca.store.certificates import CertificateFilter, find
from pgward.ca.store.copying import DifferentError
from pgward.ca.store.schema import audit_events, counters
from pgward.core.clock import SystemClock
from pgward.core.errors import UnavailableError
from pgward.pki import age
from pgward.system.files import StorageError
from tests.fixtures.ca_process import CaProcess, pgward
from tests.fixtures.disks import fill_disk, make_read_only
from tests.fixtures.edge_process import eventually
from tests.fixtures.filled import fill, quick_ca
from tests.fixtures.load import Acknowledged, check, load

pytestmark = pytest.mark.integration
CLOCK = SystemClock()
WORD = b"another passphrase"


@pytest.fixture
def cheap(monkeypatch):
    """Passphrases cost nothing in this process."""
    monkeypatch.setattr(age, "WORK", 2)


def tallies(url):
    store = open_store(url, marked=True)
    with store.read() as connection:
        found = copying.tallies(connection)
    store.close()
    return found


@pytest.mark.soak
@pytest.mark.usefixtures("cheap")
def test_a_backup_under_load_is_a_ca_of_one_moment(tmp_path):
    directory = quick_ca(tmp_path / "ca")
    done, file = Acknowledged(), tmp_path / "b.age"
    ca = CaProcess(directory)
    try:
        with load(lambda: [ca], done, clients=2):
            done.wait_for(10)
            before = [f"{each.serial_number:x}" for each in done.certificates]
            backup.write(directory, file, WORD, CLOCK)
            done.wait_for(len(done.certificates) + 5)
    finally:
        ca.kill()
    with file.open("rb") as opened:
        restore(opened, tmp_path / "new", WORD, CLOCK)
    _is_of_one_moment(f"sqlite:///{tmp_path / 'new' / 'ca.db'}", before)


@pytest.mark.soak
def test_a_restored_ca_goes_on_above_what_it_has_forgotten(tmp_path):
    directory = quick_ca(tmp_path / "ca")
    secret, file, done = directory / "passphrase", tmp_path / "b.age", Acknowledged()
    forgotten = Acknowledged()
    with serving(directory) as ca:
        with load(lambda: [ca], done, clients=1):
            done.wait_for(5)
        backup.write(directory, file, secret.read_bytes().strip(), CLOCK)
        with load(lambda: [ca], forgotten, clients=2):
            forgotten.wait_for(20)
        before = numbers(ca, directory)
    restored = pgward("ca", "restore", file, tmp_path / "new", "--passphrase-file", secret)
    assert restored.returncode == 0, restored.stderr
    shutil.copy(secret, tmp_path / "new" / "passphrase")
    # Numbers follow the clock, and nobody restores within the second of the last change.
    eventually(lambda: CLOCK.now().timestamp() > max(before) + 1)
    with serving(tmp_path / "new") as ca:
        with load(lambda: [ca], done, clients=1):
            done.wait_for(len(done.certificates) + 5)
        after = numbers(ca, tmp_path / "new")
    check(f"sqlite:///{tmp_path / 'new' / 'ca.db'}", done)
    old, new = ({each.serial_number for each in had.certificates} for had in (forgotten, done))
    assert not old & new
    assert all(later > earlier for later, earlier in zip(after, before, strict=True))


@contextmanager
def serving(directory):
    ca = CaProcess(directory)
    try:
        yield ca
    finally:
        ca.kill()


def numbers(ca, directory):
    """Return the newest number of each issuing CA's list, and the version that edges have."""
    with httpx2.Client(verify=ca.trusting(), timeout=10) as http:
        crls = http.get(f"{ca.url}/v1/crls").json()["crls"]
    store = open_store(f"sqlite:///{directory / 'ca.db'}")
    found = [each["number"] for each in crls if "issuing" in each["name"]] + [store.version()]
    store.close()
    return found


def _is_of_one_moment(url, serials):
    """All from before is in it, and each certificate has its event: they commit together."""
    store = open_store(url)
    with store.read() as connection:
        rows = find(connection, CertificateFilter(kind="person", state="issued"), limit=10**6)
        revoked = find(connection, CertificateFilter(kind="person", state="revoked"), limit=10**6)
        issued = {row["serial"] for row in (*rows, *revoked)}
        event = sa.select(audit_events.c.target).where(
            audit_events.c.action == "certificate.issue",
            audit_events.c.details["kind"].as_string() == "person",
        )
        assert set(connection.execute(event).scalars()) == issued
        numbers = connection.execute(sa.select(audit_events.c.seq)).scalars().all()
        last = sa.select(counters.c.value).where(counters.c.name == "audit")
        assert sorted(numbers) == list(range(1, connection.execute(last).scalar_one() + 1))
    store.close()
    assert set(serials) <= issued


@pytest.mark.usefixtures("cheap")
def test_it_moves_to_postgresql_and_back_and_through_a_backup(tmp_path, database_url):
    directory = quick_ca(tmp_path / "ca", filled=True)
    here = f"sqlite:///{directory / 'ca.db'}"
    before = tallies(here)
    assert moving.move(directory, database_url, CLOCK) == before
    there = tallies(database_url)
    assert {name for name in there if there[name] != before[name]} == {"audit_events", "counters"}
    made = backup.write(directory, tmp_path / "b.age", WORD, CLOCK)
    assert made.manifest.tables == there
    with (tmp_path / "b.age").open("rb") as file:
        restore(file, tmp_path / "new", WORD, CLOCK)
    assert Settings.load(tmp_path / "new").store.url == ""
    assert moving.move(directory, "sqlite", CLOCK) == there
    assert Settings.load(directory).store.url == ""


def test_generated_keys_go_on_after_those_that_were_copied(tmp_path, database_url):
    made = create(f"sqlite:///{tmp_path / 'x.db'}")
    fill(made)
    store = create(database_url)
    own = sa.Table("own", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    with store.write() as transaction:
        own.create(transaction.connection)
        transaction.execute(sa.insert(own).values(id=41))
        copying.set_sequences(transaction.connection, [own])
        transaction.execute(sa.insert(own))
        assert transaction.execute(sa.select(own.c.id)).scalars().all() == [41, 42]
    made.close()
    store.close()


def test_text_that_postgresql_cannot_keep_is_told_and_changes_nothing(tmp_path, database_url):
    directory = quick_ca(tmp_path / "ca")
    store = open_store(f"sqlite:///{directory / 'ca.db'}")
    with store.write() as transaction:
        transaction.execute(sa.text("UPDATE users SET full_name = 'a' || char(0) || 'b'"))
    store.close()
    with pytest.raises(DifferentError, match="the database cannot keep a row of users as it is"):
        moving.move(directory, database_url, CLOCK)
    assert Settings.load(directory).store.url == ""
    open_store(f"sqlite:///{directory / 'ca.db'}").close()


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("room", [0, 4096, 40_000])
def test_a_full_disk_leaves_no_backup_and_no_ca(tmp_path, small_disk_of, room):
    directory = quick_ca(tmp_path / "ca", filled=True)
    disk = small_disk_of("1m")
    fill_disk(disk, leave=room)
    big = 60_000  # what a backup of this CA takes is less: its keys and rows are few
    (directory / "notes").write_bytes(os.urandom(big))
    with pytest.raises(StorageError, match="no space left on device"):
        backup.write(directory, disk / "b.age", WORD, CLOCK)
    backup.write(directory, tmp_path / "b.age", WORD, CLOCK)
    with (
        (tmp_path / "b.age").open("rb") as file,
        pytest.raises((StorageError, UnavailableError), match=r"no space left|disk is full"),
    ):
        restore(file, disk / "new", WORD, CLOCK)
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.usefixtures("cheap")
def test_a_read_only_disk_leaves_things_as_they_are(tmp_path, small_disk_of):
    disk = small_disk_of("4m")
    directory = quick_ca(disk / "ca", filled=True)
    backup.write(directory, tmp_path / "b.age", WORD, CLOCK)
    make_read_only(disk)
    with pytest.raises(StorageError, match="read-only file system"):
        backup.write(directory, disk / "b.age", WORD, CLOCK)
    with (
        (tmp_path / "b.age").open("rb") as file,
        pytest.raises(StorageError, match="read-only file system"),
    ):
        restore(file, disk / "new", WORD, CLOCK)
    with pytest.raises(StorageError, match=r"cannot lock .*: read-only file system"):
        moving.move(directory, f"sqlite:///{tmp_path / 'there.db'}", CLOCK)
    assert not (tmp_path / "there.db").exists()


def test_a_full_disk_stops_a_move_and_the_ca_stays_where_it_is(tmp_path, small_disk_of):
    directory = quick_ca(tmp_path / "ca", filled=True)
    disk = small_disk_of("256k")
    with pytest.raises(UnavailableError, match="its disk is full"):
        moving.move(directory, f"sqlite:///{disk / 'there.db'}", CLOCK)
    assert Settings.load(directory).store.url == ""
    open_store(f"sqlite:///{directory / 'ca.db'}").close()


def test_a_move_out_of_a_full_disk_says_so_or_is_done(tmp_path, small_disk_of):
    disk = small_disk_of("4m")
    directory = quick_ca(disk / "ca", filled=True)
    fill_disk(disk)
    there = f"sqlite:///{tmp_path / 'there.db'}"
    with pytest.raises((UnavailableError, StorageError)):
        moving.move(directory, there, CLOCK)
    assert Settings.load(directory).store.url == ""
    (disk / "filler").unlink()
    moving.move(directory, there, CLOCK)
    assert Settings.load(directory).store.url == there


def run_and_kill(arguments, seconds):
    child = subprocess.Popen(
        [sys.executable, "-m", "pgward", "ca", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with child:
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    return None


@pytest.mark.soak
def test_killed_at_any_moment_nothing_is_half_made(tmp_path, database_url, capsys):
    directory = quick_ca(tmp_path / "ca", filled=True)
    secret = directory / "passphrase"
    cut = {"backup": 0, "restore": 0, "migrate-store": 0}
    whole = tmp_path / "whole.age"
    assert pgward("ca", "backup", directory, whole).returncode == 0
    place = tmp_path / "place"
    place.mkdir()
    at_home = True
    for turn in range(60):
        file, target = place / "b.age", place / "new"
        if run_and_kill(["backup", directory, file], random.uniform(0.3, 3)) is None:
            cut["backup"] += 1
        if file.exists():
            with file.open("rb") as opened:
                backup.verify(opened, secret.read_bytes().strip())
            file.unlink()
        arguments = ["restore", whole, target, "--passphrase-file", secret]
        if run_and_kill(arguments, random.uniform(0.3, 3)) is None:
            cut["restore"] += 1
        if target.exists():
            assert tallies(f"sqlite:///{target / 'ca.db'}")
            shutil.rmtree(target)
        if turn % 3 == 0:
            to = database_url if at_home else "sqlite"
            if (
                run_and_kill(["migrate-store", directory, "--to", to], random.uniform(0.5, 2.5))
                is None
            ):
                cut["migrate-store"] += 1
                again = pgward("ca", "migrate-store", directory, "--to", to)
                assert again.returncode == 0 or "is at" in again.stderr, again.stderr
            at_home = not at_home
            url = Settings.load(directory).store_url(directory)
            open_store(url).close()
    assert pgward("ca", "backup", directory, place / "b.age").returncode == 0
    args = ("ca", "restore", whole, place / "new", "--passphrase-file", secret)
    assert pgward(*args).returncode == 0
    left = {path.name for path in place.iterdir() if not path.name.endswith(".lock")}
    assert left == {"b.age", "new"}
    with capsys.disabled():
        print(f"\nkilled: {cut}")  # noqa: T201 - what a soak is run for


@pytest.mark.soak
def test_a_ca_on_sqlite_killed_200_times_under_load_loses_nothing(tmp_path, capsys):
    directory = quick_ca(tmp_path / "ca")
    done, running = Acknowledged(), [CaProcess(directory)]
    began = time.monotonic()
    with load(lambda: running, done, clients=2):
        for _ in range(200):
            done.wait_for(len(done.certificates) + 1)
            time.sleep(random.uniform(0, 0.5))
            running[0].kill()
            running[0] = CaProcess(directory)
    running[0].kill()
    assert done.lost == []
    figures = check(f"sqlite:///{directory / 'ca.db'}", done)
    with capsys.disabled():
        took = time.monotonic() - began
        print(f"\n200 kills in {took:.0f} s: {figures}")  # noqa: T201 - what a soak is run for
