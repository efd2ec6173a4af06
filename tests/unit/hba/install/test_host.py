from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.install import host as module
from pgward.hba.install.change import Change, Edit, journal_path
from pgward.hba.install.host import NO_CHECKS, ONLY_MATERIAL, Checks, Host
from pgward.hba.plan.lint import Finding
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.disk import DiskError
from pgward.hba.syntax.versions import Abilities

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def host(pg_files) -> Host:
    found = DataDir.open(pg_files.data_dir)
    found.disk.make_dir(found.path / "pgward")
    return Host(found, found.path / "pgward")


@pytest.fixture
def change(host, small_ca) -> Change:
    path = host.data_dir.hba_file
    generation = host.generations.write(small_ca.current(), NOW)
    edits = [Edit(path, path.read_bytes(), b"# new\n")]
    place = (host.state_dir, host.generations, host.data_dir.disk)
    return Change(*place, generation=generation, edits=edits, now=NOW)


@pytest.fixture
def running(monkeypatch) -> dict[str, object]:
    """A server that runs; what it answers can be set."""
    told: dict[str, object] = {
        "errors": [],
        "took": True,
        "presents": True,
        "reloads": 0,
        "in use": True,
    }

    def reload(*_: object) -> object:
        told["reloads"] += 1
        return told["took"]

    monkeypatch.setattr(DataDir, "running", lambda _self: Running(1, 5432, "/run", "127.0.0.1"))
    monkeypatch.setattr(module.reloading, "file_errors", lambda *_: told["errors"])
    monkeypatch.setattr(module.reloading, "reload", reload)
    monkeypatch.setattr(module.reloading, "presents", lambda *_: told["presents"])
    monkeypatch.setattr(Host, "in_use", lambda _self: told["in use"])
    return told


def test_paths_are_relative_inside_the_data_directory(host) -> None:
    assert host.tls_files.key == "pgward/tls/current/server.key"
    outside = replace(host, state_dir=Path("/var/lib/pgward"))
    assert outside.tls_files.crl == "/var/lib/pgward/tls/current/user-ca.crl"


def test_a_change_without_a_server(host, change, small_ca) -> None:
    assert host.carry_out(change, small_ca.current(), NO_CHECKS) is None
    assert host.data_dir.hba_file.read_bytes() == b"# new\n"
    assert host.generations.load() == small_ca.current()


def test_a_change_that_the_server_takes(host, change, small_ca, running) -> None:
    seen: list[Running] = []
    checks = Checks(lambda: None, seen.append)
    assert host.carry_out(change, small_ca.current(), checks) is True
    assert (len(seen), running["reloads"]) == (1, 1)


@pytest.mark.parametrize(
    "case",
    [
        ({"errors": [Finding("f:1", "bad")]}, "would not take this: f:1: bad", 1),
        ({"took": False}, "did not take", 2),
        ({"presents": False}, "did not take", 2),
    ],
)
def test_a_change_that_the_server_does_not_take(host, change, small_ca, running, case) -> None:
    answers, message, reloads = case
    before = host.data_dir.hba_file.read_bytes()
    running.update(answers)
    with pytest.raises(PgwardError, match=message):
        host.carry_out(change, small_ca.current(), NO_CHECKS)
    assert host.data_dir.hba_file.read_bytes() == before
    assert host.generations.current() is None
    assert not journal_path(host.state_dir).exists()
    assert running["reloads"] == reloads  # the old configuration is loaded again


@pytest.mark.parametrize("failing", ["files", "live"])
def test_a_check_that_fails(host, change, small_ca, running, failing) -> None:
    def fail(*_: object) -> None:
        raise PgwardError("not good")

    checks = Checks(**{"files": lambda: None, "live": lambda _: None, failing: fail})
    with pytest.raises(PgwardError, match="not good"):
        host.carry_out(change, small_ca.current(), checks)
    assert host.generations.current() is None
    assert running["reloads"] == (1 if failing == "files" else 2)


def test_recovery(host, change) -> None:
    before = host.data_dir.hba_file.read_bytes()
    (host.data_dir.path / ".pg_hba.conf.0badc0de.tmp").touch()
    for step in change.steps():
        step.run()
    assert host.recover() is True
    assert host.recover() is False
    assert host.data_dir.hba_file.read_bytes() == before
    assert not list(host.data_dir.path.glob(".*.tmp"))


@pytest.mark.usefixtures("running")
def test_a_server_that_was_restarted_is_asked_anew(host, change, small_ca, monkeypatch) -> None:
    seen = iter([1, 2, 2, 2])
    servers = (Running(pid, 5432, "/run", "127.0.0.1") for pid in seen)
    monkeypatch.setattr(DataDir, "running", lambda _self: next(servers))
    answers = iter([False, True])
    monkeypatch.setattr(module.reloading, "reload", lambda *_: next(answers))
    assert host.carry_out(change, small_ca.current(), NO_CHECKS) is True


def test_what_cannot_be_put_back_now_is_said(host, change, small_ca, running, monkeypatch) -> None:
    running.update(took=False)

    def fail(*_: object) -> bool:
        raise PgwardError("the disk is gone")

    monkeypatch.setattr(module, "undo", fail)
    with pytest.raises(PgwardError, match=r"did not take .*; and it could not all be .* is gone"):
        host.carry_out(change, small_ca.current(), NO_CHECKS)
    assert journal_path(host.state_dir).exists()


def test_a_server_reads_again_what_could_be_put_back(
    host, change, small_ca, running, monkeypatch
) -> None:
    """What it read while files were put back may be of both: the next reading is of one."""
    running.update(took=False)
    told: list[Running] = []

    def fail(*_: object) -> bool:
        raise DiskError("the disk is full")

    monkeypatch.setattr(module, "undo", fail)
    monkeypatch.setattr(module.reloading, "tell", told.append)
    with pytest.raises(PgwardError, match="could not all be put back: the disk is full"):
        host.carry_out(change, small_ca.current(), NO_CHECKS)
    assert [each.pid for each in told] == [1]


def test_what_no_server_tells_is_found_here(host, monkeypatch) -> None:
    before = host.data_dir.ident_file.read_bytes()
    path = host.data_dir.ident_file
    broken = Edit(path, before, b"m a\n")
    place = (host.state_dir, host.generations, host.data_dir.disk)
    change = Change(*place, generation=None, edits=[broken], now=NOW)
    with pytest.raises(PgwardError, match=r"would not take this: .*pg_ident\.conf:1: "):
        host.carry_out(change, None, NO_CHECKS)
    assert path.read_bytes() == before
    monkeypatch.setattr(module.reloading, "file_errors", lambda *_: None)
    assert host.file_errors(Running(1, 5432, "/run", None)) == []
    path.write_bytes(b"m a\n")
    found = [str(each) for each in host.file_errors(Running(1, 5432, "/run", None))]
    assert [each.partition(": ")[0] for each in found] == [f"{path}:1"]


def test_before_15_the_map_is_looked_at_here(host, monkeypatch) -> None:
    monkeypatch.setattr(module.reloading, "file_errors", lambda *_: [])
    host.data_dir.ident_file.write_bytes(b"m a\n")
    running = Running(1, 5432, "/run", None)
    for version, expected in ((14, 1), (15, 0)):
        data_dir = replace(host.data_dir, able=Abilities.of(version))
        assert len(replace(host, data_dir=data_dir).file_errors(running)) == expected


def test_material_does_not_wait_for_broken_files(host, small_ca, running) -> None:
    running.update(errors=[Finding("/f:1", "wrong")])
    generation = host.generations.write(small_ca.current(), NOW)
    place = (host.state_dir, host.generations, host.data_dir.disk)
    change = Change(*place, generation=generation, edits=[], now=NOW)
    assert host.carry_out(change, small_ca.current(), ONLY_MATERIAL) is True


def test_a_certificate_that_the_files_do_not_name_is_not_waited_for(
    host, change, small_ca, running
):
    running.update({"presents": False, "in use": False})
    assert host.carry_out(change, small_ca.current(), NO_CHECKS) is True


def test_what_the_files_name(host) -> None:
    assert not host.in_use()
    for name, expected in (("", True), (f"{host.data_dir.path}/", True), ("x", False)):
        host.data_dir.config_file.write_text(
            f"ssl_cert_file = '{name}{host.tls_files.certificate}'"
        )
        assert host.in_use() is expected
