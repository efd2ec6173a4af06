import contextlib
import os
from datetime import UTC, datetime, timedelta

import pytest

from pgward.hba.install.change import BACKUPS_KEPT, Change, Edit, journal_path, undo
from pgward.hba.install.generations import Generations
from pgward.hba.server.disk import Disk, DiskError
from pgward.system.postgres import Account

DISK = Disk(Account("me", os.geteuid(), os.getegid()))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def place(tmp_path):
    """A state directory, two files of which one is missing, and a generation in use."""
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "a.conf").write_bytes(b"old\r\n")
    (tmp_path / "a.conf").chmod(0o640)
    generations = Generations(state / "tls", DISK)
    (state / "tls" / "g1").mkdir(parents=True)
    generations.use("g1")
    return tmp_path, state, generations


def make(place, now=NOW) -> Change:
    directory, state, generations = place
    edits = [
        Edit(directory / "a.conf", b"old\r\n", b"new\n"),
        Edit(directory / "b.conf", None, b"made\n"),
        Edit(directory / "same.conf", b"x", b"x"),
    ]
    return Change(state, generations, DISK, generation="g2", edits=edits, now=now)


def contents(place) -> dict[str, object]:
    directory, _, generations = place
    found: dict[str, object] = {p.name: p.read_bytes() for p in directory.glob("*.conf")}
    return {**found, "generation": generations.current()}


BEFORE = {"a.conf": b"old\r\n", "generation": "g1"}
AFTER = {"a.conf": b"new\n", "b.conf": b"made\n", "generation": "g2"}


def test_the_steps_in_their_order(place) -> None:
    assert [step.name for step in make(place).steps()] == [
        "back up a.conf",
        "write the journal",
        "use the new material",
        "replace a.conf",
        "replace b.conf",
    ]


def test_all_steps_and_the_commit(place) -> None:
    change = make(place)
    for step in change.steps():
        step.run()
    change.commit()
    assert contents(place) == AFTER
    assert not journal_path(place[1]).exists()
    (backup,) = place[0].glob("a.conf.pgward-*")
    assert backup.name == "a.conf.pgward-20261121T120000Z"
    assert (backup.read_bytes(), backup.stat().st_mode & 0o777) == (b"old\r\n", 0o640)


@pytest.mark.parametrize("count", range(6))
def test_cut_off_after_any_step_it_is_undone(place, count) -> None:
    for step in make(place).steps()[:count]:
        step.run()
    undone = undo(place[1], place[2], DISK)
    assert undone is (count >= 3)
    assert contents(place) == BEFORE
    assert (place[0] / "a.conf").stat().st_mode & 0o777 == 0o640
    assert undo(place[1], place[2], DISK) is False


@pytest.mark.parametrize("count", range(6))
def test_cut_off_while_it_is_undone(place, count, monkeypatch) -> None:
    for step in make(place).steps():
        step.run()
    calls = iter(range(count))

    def dying(real):
        def call(*arguments):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("restore", "remove", "point"):
            patch.setattr(Disk, name, dying(getattr(Disk, name)))
        with contextlib.suppress(KeyboardInterrupt):
            undo(place[1], place[2], DISK)
    undo(place[1], place[2], DISK)
    assert contents(place) == BEFORE


def test_what_is_old_and_cannot_be_removed_is_no_failure(place, monkeypatch, caplog) -> None:
    def fail(*_: object) -> None:
        raise DiskError("cannot read there: permission denied")

    change = make(place)
    for step in change.steps():
        step.run()
    monkeypatch.setattr(Disk, "names", fail)
    change.commit()
    assert contents(place) == AFTER
    assert not journal_path(place[1]).exists()
    assert "the change is made, but what is old was not removed" in caplog.text


def test_nothing_needed(place) -> None:
    directory, state, generations = place
    same = Edit(directory / "a.conf", b"old\r\n", b"old\r\n")
    change = Change(state, generations, DISK, generation="g1", edits=[same], now=NOW)
    assert not change.needed
    assert make(place).needed


def test_old_backups_go(place) -> None:
    directory = place[0]
    for hour in range(BACKUPS_KEPT + 3):
        (directory / "a.conf").write_bytes(b"old\r\n")
        change = make(place, NOW + timedelta(hours=hour))
        for step in change.steps():
            step.run()
        change.commit()
    kept = sorted(p.name for p in directory.glob("a.conf.pgward-*"))
    assert len(kept) == BACKUPS_KEPT
    assert kept[-1] == "a.conf.pgward-20261121T190000Z"


@pytest.fixture
def bridged(place) -> Change:
    """A change whose first file has a content in between."""
    directory, state, generations = place
    edits = [
        Edit(directory / "a.conf", b"old\r\n", b"new\n", b"both\n"),
        Edit(directory / "b.conf", None, b"made\n"),
    ]
    return Change(state, generations, DISK, generation="g1", edits=edits, now=NOW)


def test_a_content_in_between(place, bridged) -> None:
    found = []
    for step in bridged.steps():
        step.run()
        found.append((step.name, contents(place).get("a.conf"), "b.conf" in contents(place)))
    assert found[-3:] == [
        ("replace a.conf", b"both\n", False),
        ("replace b.conf", b"both\n", True),
        ("finish a.conf", b"new\n", True),
    ]


@pytest.mark.parametrize("count", range(7))
def test_cut_off_with_a_content_in_between(place, bridged, count) -> None:
    for step in bridged.steps()[:count]:
        step.run()
    undo(place[1], place[2], DISK)
    assert contents(place) == BEFORE
