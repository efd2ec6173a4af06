import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from pgward.ca import hierarchy
from pgward.ca.ceremony import init as creating
from pgward.ca.ceremony import requests
from pgward.ca.ceremony.init import Plan
from pgward.ca.ceremony.init_keys import Offline
from pgward.ca.keys import key_file
from pgward.ca.keys.settings import KeySettings
from pgward.ca.records import CaName, Kind
from pgward.ca.settings import Settings, StoreSettings
from pgward.ca.store import open_store
from pgward.ca.store.certificates import CertificateFilter, SqlCertificates, find
from pgward.core.errors import ConflictError, InvalidInputError
from pgward.pki import crl, pkcs8
from pgward.system.files import StorageError
from tests.fixtures.authority import keeper_of
from tests.fixtures.softhsm import PIN

PLAN = Plan(Settings(), "admin", "correct horse battery", b"passphrase")


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch):
    monkeypatch.setattr(pkcs8, "ROUNDS", 1)


def test_what_is_made_can_be_loaded(tmp_path, clock):
    made = creating.create_ca(tmp_path / "ca", PLAN, clock)
    assert Settings.load(made.directory) == Settings()
    hierarchies = hierarchy.load(made.directory, keeper_of(made.directory, b"passphrase"))
    assert hierarchies.user.issuing.name is CaName.USER_ISSUING
    assert (made.password_file, made.passphrase_file) == (None, None)


def test_what_is_generated_is_found_again(tmp_path, clock):
    made = creating.create_ca(tmp_path / "ca", replace(PLAN, password=None, passphrase=None), clock)
    settings = Settings.load(made.directory)
    secret = (made.directory / settings.keys.passphrase_file).read_bytes().strip()
    assert hierarchy.load(made.directory, keeper_of(made.directory, secret))
    assert made.password_file.read_text().strip()


def test_the_cas_and_their_crls_are_stored(tmp_path, clock):
    creating.create_ca(tmp_path / "ca", PLAN, clock)
    store = open_store(f"sqlite:///{tmp_path}/ca/ca.db")
    with store.read() as connection:
        rows = find(connection, CertificateFilter(kind=Kind.CA.value))
    crls = [crl.read(SqlCertificates(store).latest_crl(name).der) for name in CaName]
    store.close()
    assert sorted(row["subject"] for row in rows) == sorted(CaName)
    assert len(crls) == 4


def test_nothing_is_left_beside_it(tmp_path, clock):
    creating.create_ca(tmp_path / "ca", PLAN, clock)
    assert [path.name for path in tmp_path.iterdir()] == ["ca"]
    assert not (tmp_path / "ca" / ".lock").exists()


def test_parents_are_made(tmp_path, clock):
    assert creating.create_ca(tmp_path / "a" / "b" / "ca", PLAN, clock).directory.is_dir()


def test_a_failure_leaves_nothing(tmp_path, clock, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hierarchy, "write", fail)
    with pytest.raises(StorageError, match=r"cannot create .*: no space left on device"):
        creating.create_ca(tmp_path / "ca", PLAN, clock)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change", [{"administrator": "a b"}, {"administrator": "Unknown"}, {"password": "short"}]
)
def test_a_bad_plan_is_refused_before_anything(tmp_path, clock, change):
    with pytest.raises(InvalidInputError):
        creating.create_ca(tmp_path / "ca", replace(PLAN, **change), clock)
    assert list(tmp_path.iterdir()) == []


def test_what_comes_in_between_wins(tmp_path, clock, monkeypatch):
    write = hierarchy.write

    def overtaken(*arguments, **options):
        (tmp_path / "ca").mkdir()
        (tmp_path / "ca" / "other").touch()
        write(*arguments, **options)

    monkeypatch.setattr(hierarchy, "write", overtaken)
    with pytest.raises(ConflictError, match="something else has just created"):
        creating.create_ca(tmp_path / "ca", PLAN, clock)
    assert [path.name for path in tmp_path.rglob("*")] == ["ca", "other"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_other_things_in_its_place_are_refused(tmp_path, clock, kind):
    target = tmp_path / "ca"
    target.write_text("") if kind == "file" else target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConflictError, match="is there already"):
        creating.create_ca(target, PLAN, clock)


def test_an_abandoned_attempt_is_removed_and_a_running_one_is_not(tmp_path, clock):
    for name in (".ca.init-1", ".ca.init-2", ".ca.init-3"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.lock").touch()
    (tmp_path / ".ca.init-3").rmdir()  # its run had just begun, or had just ended
    lock = os.open(tmp_path / ".ca.init-2.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    creating.create_ca(tmp_path / "ca", PLAN, clock)
    os.close(lock)
    left = [".ca.init-2", ".ca.init-2.lock", "ca"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_what_looks_like_a_lock_is_neither_waited_for_nor_followed(tmp_path, clock, fifo):
    precious = tmp_path / "precious"
    precious.mkdir()
    fifo(tmp_path / ".ca.init-1.lock")
    (tmp_path / ".ca.init-2").symlink_to(precious)
    (tmp_path / ".ca.init-2.lock").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".ca.init-3.lock").mkdir()
    (tmp_path / ".ca.init-4").mkdir()
    fifo(tmp_path / ".ca.init-4" / ".lock")
    creating.create_ca(tmp_path / "ca", PLAN, clock)
    assert len(list(tmp_path.iterdir())) == 7
    assert precious.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_attempt_of_another_account_is_left_alone(tmp_path, clock):
    theirs, lock = tmp_path / ".ca.init-1", tmp_path / ".ca.init-1.lock"
    theirs.mkdir()
    lock.touch()
    os.chown(lock, 65534, 65534)
    creating.create_ca(tmp_path / "ca", PLAN, clock)
    assert theirs.is_dir()


KILLED_AT_THE_END = """
import os, signal, sys
from pathlib import Path
from pgward.ca.ceremony import init
from pgward.ca.settings import Settings
from pgward.core.clock import SystemClock
rename = Path.rename
def kill(path, target):
    if path.is_dir():
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, target)
Path.rename = kill
plan = init.Plan(Settings(), "admin", "correct horse battery", None)
init.create_ca(Path(sys.argv[1]), plan, SystemClock())
"""


def test_an_attempt_killed_at_the_very_end_leaves_no_keys_for_ever(tmp_path, clock):
    target = tmp_path / "ca"
    done = subprocess.run([sys.executable, "-c", KILLED_AT_THE_END, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".ca.init-*/keys"))
    creating.create_ca(target, PLAN, clock)
    assert list(tmp_path.iterdir()) == [target]


def test_another_store_in_the_settings_is_refused(tmp_path, clock):
    elsewhere = replace(Settings(), store=StoreSettings("postgresql+psycopg://h/d"))
    with pytest.raises(InvalidInputError, match="SQLite store in its directory"):
        creating.create_ca(tmp_path / "ca", replace(PLAN, settings=elsewhere), clock)


ROOTS = b"of the roots"


def test_the_roots_keys_go_offline_only(tmp_path, clock):
    plan = replace(PLAN, offline=Offline(tmp_path / "out", ROOTS))
    made = creating.create_ca(tmp_path / "ca", plan, clock)
    assert made.root_keys == tmp_path / "out"
    for name in ("user-root", "server-root"):
        key = key_file.load(tmp_path / "out" / f"{name}.key", ROOTS)
        assert key.public_key() == hierarchy.certificate(tmp_path / "ca", name).public_key()
    online = sorted(path.name for path in (tmp_path / "ca" / "keys").iterdir())
    assert online == ["log.key", "seal.key", "server-issuing.key", "user-issuing.key"]
    assert hierarchy.load(made.directory, keeper_of(made.directory, b"passphrase"))


def test_a_directory_of_roots_that_is_there_is_not_touched(tmp_path, clock):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "user-root.key").write_text("precious")
    plan = replace(PLAN, offline=Offline(tmp_path / "out", ROOTS))
    with pytest.raises(ConflictError, match="is there already"):
        creating.create_ca(tmp_path / "ca", plan, clock)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "user-root.key").read_text() == "precious"


def test_no_roots_stay_when_the_directory_cannot_be_put_in_its_place(tmp_path, clock, monkeypatch):
    move = creating.move_into_place

    def overtaken(building, target, lock):
        if target.name == "ca":
            (tmp_path / "ca").write_text("theirs")
        move(building, target, lock)

    monkeypatch.setattr(creating, "move_into_place", overtaken)
    plan = replace(PLAN, offline=Offline(tmp_path / "out", ROOTS))
    with pytest.raises(ConflictError, match="something else has just created"):
        creating.create_ca(tmp_path / "ca", plan, clock)
    assert [path.name for path in tmp_path.iterdir()] == ["ca"]


def test_a_subordinate_has_requests_and_no_certificates(tmp_path, clock):
    made = creating.create_ca(tmp_path / "ca", replace(PLAN, subordinate=True), clock)
    assert (made.fingerprint, made.requests) == ("", tmp_path / "ca" / "requests")
    assert list((tmp_path / "ca" / "certs").glob("*.crt")) == []
    for name in ("user-issuing", "server-issuing"):
        keeper = keeper_of(made.directory, b"passphrase")
        signer = keeper.load(keeper.reference(name))
        assert requests.load(made.directory, name).public_key() == signer.public_key


def test_an_init_that_fails_halfway_leaves_nothing_in_a_token(softhsm, tmp_path, clock):
    label = softhsm.new_token()
    softhsm.make_key(label, "server-root", "01")
    place = f"pkcs11:token={label.replace(' ', '%20')}"
    settings = Settings(keys=KeySettings(place=place, pkcs11_module=softhsm.module))
    plan = replace(PLAN, settings=settings, passphrase=None, pin=PIN.encode())
    with pytest.raises(ConflictError, match="has a key called server-root already"):
        creating.create_ca(tmp_path / "ca", plan, clock)
    assert list(tmp_path.iterdir()) == []
    assert softhsm.labels(label) == ["server-root"]
