import fcntl
import io
import os
import stat

import pytest

from pgward.ca.backup import create as backup
from pgward.ca.backup.archive import BackupError
from pgward.ca.store import copying, marks, open_store, revisions, rows
from pgward.ca.store.marks import MarkedError
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError
from pgward.pki import age
from pgward.pki.age import AgeError
from pgward.system.files import StorageError

CLOCK = SystemClock()
WORD = b"another passphrase"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(age, "WORK", 2)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ca.age"


def opened(file):
    return file.open("rb")


def names(directory):
    return sorted(os.listdir(directory))  # noqa: PTH208


def test_it_holds_everything_and_reads_back(made_ca, file):
    made = backup.write(made_ca, file, WORD, CLOCK)
    with opened(file) as stream:
        assert backup.verify(stream, WORD) == made
    store = open_store(f"sqlite:///{made_ca / 'ca.db'}")
    with store.read() as connection:
        assert made.manifest.tables == copying.tallies(connection)
    store.close()
    every = {str(path.relative_to(made_ca)) for path in made_ca.rglob("*") if path.is_file()}
    expected = {name for name in every if not name.startswith("ca.db")}
    assert {"pgward.toml", "keys/user-issuing.key", "certs/server-root.crt"} <= expected
    assert set(made.manifest.files) == expected
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(file.parent) == ["ca", "ca.age"]


def test_what_opens_the_keys_stays_out(made_ca, file):
    keys = '[keys]\npassphrase_file = "sub/secret"\npin_file = "sub/pin"\n'
    (made_ca / "pgward.toml").write_text(keys)
    (made_ca / "sub").mkdir()
    secrets = (
        "sub/secret",
        "sub/pin",
        "passphrase",
        "initial-admin-password",
        "ca.db-wal",
        ".x.tmp",
    )
    for name in secrets:
        (made_ca / name).write_bytes(b"geheim geheim")
    (made_ca / "sub" / "kept").write_bytes(b"x")
    os.mkfifo(made_ca / "fifo")
    made = backup.write(made_ca, file, WORD, CLOCK)
    assert {"pgward.toml", "sub/kept"} <= made.manifest.files.keys()
    assert made.manifest.files.keys().isdisjoint({*secrets, "fifo"})


def test_it_is_of_one_moment_while_others_write(made_ca, file, monkeypatch):
    store = open_store(f"sqlite:///{made_ca / 'ca.db'}")
    with store.read() as connection:
        before = copying.tallies(connection)
    real, written = rows.batches, []

    def batches(connection, table, **options):
        with store.write() as transaction:
            transaction.changed()
            written.append(table.name)
        return real(connection, table, **options)

    monkeypatch.setattr(rows, "batches", batches)
    made = backup.write(made_ca, file, WORD, CLOCK)
    store.close()
    assert "counters" in written
    assert made.manifest.tables == before


def test_a_file_that_is_there_is_left_alone(made_ca, file):
    file.write_text("theirs")
    with pytest.raises(ConflictError, match=r"ca\.age is there already"):
        backup.write(made_ca, file, WORD, CLOCK)
    assert file.read_text() == "theirs"


def test_one_that_comes_meanwhile_as_well(made_ca, file, monkeypatch):
    real = backup.verify

    def verify(*arguments):
        file.write_text("theirs")
        return real(*arguments)

    monkeypatch.setattr(backup, "verify", verify)
    with pytest.raises(ConflictError, match="is there already"):
        backup.write(made_ca, file, WORD, CLOCK)
    assert file.read_text() == "theirs"
    assert names(file.parent) == ["ca", "ca.age"]


def test_one_that_does_not_read_back_gets_no_name(made_ca, file, monkeypatch):
    monkeypatch.setattr(backup, "verify", lambda *_: None)
    with pytest.raises(StorageError, match="does not read back"):
        backup.write(made_ca, file, WORD, CLOCK)
    assert names(file.parent) == ["ca"]


def test_what_a_killed_run_left_goes_and_a_running_one_stays(made_ca, file):
    dead, living = (file.with_name(f".old.age.backup-{end * 12}") for end in "ab")
    dead.write_text("x")
    with living.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        backup.write(made_ca, file, WORD, CLOCK)
    assert names(file.parent) == [living.name, "ca", "ca.age"]


def test_a_place_that_is_not_there_is_told(made_ca, file):
    with pytest.raises(StorageError, match=r"cannot write .*: no such file") as caught:
        backup.write(made_ca, file.parent / "absent" / "b.age", WORD, CLOCK)
    assert "no backup was written" in caught.value.hint


def test_every_damage_is_noticed(made_ca, file):
    backup.write(made_ca, file, WORD, CLOCK)
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 20):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        for data in (bytes(damaged), whole[:place]):
            with pytest.raises((AgeError, BackupError)):
                backup.verify(io.BytesIO(data), WORD)
    with pytest.raises(AgeError, match="the passphrase is wrong"):
        backup.verify(io.BytesIO(whole), b"wrong passphrase")


def test_an_age_file_of_something_else_is_no_backup():
    target = io.BytesIO()
    with age.Encryptor(target, WORD) as writer:
        writer.write(b"a diary")
    target.seek(0)
    with pytest.raises(BackupError, match="an age file, but no backup"):
        backup.verify(target, WORD)


def test_a_store_that_is_elsewhere_by_now_is_not_backed_up(made_ca, file):
    store = open_store(f"sqlite:///{made_ca / 'ca.db'}")
    with store.write() as transaction:
        marks.put(transaction.connection, marks.MOVED, "postgresql://db/ca")
    store.close()
    with pytest.raises(MarkedError, match="was moved from here"):
        backup.write(made_ca, file, WORD, CLOCK)
    assert not file.exists()


def test_a_store_of_another_version_is_left_as_it_is(made_ca, file, monkeypatch):
    monkeypatch.setattr(revisions, "head", lambda: "9999")
    with pytest.raises(ConflictError, match="tables are those of another pgward"):
        backup.write(made_ca, file, WORD, CLOCK)
