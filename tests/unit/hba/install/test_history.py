import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pgward.core.errors import ConflictError, NotFoundError
from pgward.hba.install.history import BACKUPS_KEPT, History
from pgward.hba.install.journal import About, Journal, Replaced
from pgward.hba.server.disk import Disk
from pgward.system.postgres import Account

DISK = Disk(Account("me", os.geteuid(), os.getegid()))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def history(tmp_path) -> History:
    (tmp_path / "f").write_bytes(b"x")
    history = History(tmp_path, DISK)
    history.prepare()
    return history


def add(history: History, stamp: str, generation: str | None = None) -> Path:
    """Record a change of ``f``; return its backup."""
    place = history.directory.parent
    backup = place / f"f.pgward-{stamp}"
    backup.write_bytes(b"old")
    about = About(stamp, "2026-11-21T12:00:00Z", "0.1.0", "apply", None)
    replaced = Replaced(str(place / "f"), str(backup), "a", "b")
    Journal(generation, (replaced,), about).save(place / "journal.json", DISK)
    history.add(place / "journal.json", stamp)
    return backup


def test_a_journal_becomes_a_record(history) -> None:
    add(history, "20261121T120000Z", "g1")
    ((about, journal),) = history.records()
    assert (about.stamp, about.what, journal.generation) == ("20261121T120000Z", "apply", "g1")
    assert not (history.directory.parent / "journal.json").exists()


def test_stamps_sort_as_changes_came(history) -> None:
    first = history.next_stamp(NOW)
    assert first == "20261121T120000Z"
    add(history, first)
    for moment, expected in (
        (NOW, "20261121T120000Z-001"),
        (NOW - timedelta(hours=1), "20261121T120000Z-002"),
        (NOW + timedelta(seconds=1), "20261121T120001Z"),
    ):
        stamp = history.next_stamp(moment)
        assert stamp == expected
        add(history, stamp)
    assert history.stamps()[-1] == "20261121T120001Z"


def test_since(history) -> None:
    with pytest.raises(NotFoundError, match="there is no change to take back"):
        history.since(None)
    for stamp in ("1", "2", "3"):
        add(history, stamp)
    assert [about.stamp for about, _ in history.since(None)] == ["3"]
    assert [about.stamp for about, _ in history.since("2")] == ["2", "3"]
    with pytest.raises(NotFoundError, match="there is no change 4") as caught:
        history.since("4")
    assert caught.value.hint == "there are: 1, 2, 3"


def test_the_newest_are_kept_with_their_backups(history) -> None:
    backups = [add(history, str(number), f"g{number}") for number in range(BACKUPS_KEPT + 2)]
    assert history.prune() == {f"g{number}" for number in range(2, BACKUPS_KEPT + 2)}
    assert [each.exists() for each in backups] == [False, False] + [True] * BACKUPS_KEPT
    assert len(history.records()) == BACKUPS_KEPT


def test_backups_that_no_record_needs_go_first(history) -> None:
    place = history.directory.parent
    for number in range(BACKUPS_KEPT):
        (place / f"f.pgward-0{number}").write_bytes(b"an undone change")
    backup = add(history, "1")
    history.prune()
    kept = sorted(path.name for path in place.glob("f.pgward-*"))
    assert len(kept) == BACKUPS_KEPT
    assert kept[-1] == backup.name
    assert "f.pgward-00" not in kept


def test_few_backups_without_a_record_all_stay(history) -> None:
    place = history.directory.parent
    for number in range(3):
        (place / f"f.pgward-0{number}").write_bytes(b"an undone change")
    add(history, "1")
    history.prune()
    assert len(list(place.glob("f.pgward-*"))) == 4


def test_a_damaged_record_is_found_before_anything_changes(history) -> None:
    (history.directory / "1.json").write_text("{")
    with pytest.raises(ConflictError, match=r"1\.json of an earlier run cannot be read"):
        history.prepare()


def test_changes_of_role_lines_push_nothing_out(history) -> None:
    place = history.directory.parent
    apart = History(place, DISK, of_roles=True)
    apart.prepare()
    mine = add(history, history.next_stamp(NOW), "g1")
    backups = []
    for _ in range(BACKUPS_KEPT + 2):
        backups.append(add(apart, apart.next_stamp(NOW), "g2"))
        assert apart.prune() == {"g1"}
    assert mine.exists()
    assert [each.exists() for each in backups] == [False, False] + [True] * BACKUPS_KEPT
    assert len({mine, *backups}) == BACKUPS_KEPT + 3
    assert (len(history.stamps()), len(apart.stamps())) == (1, BACKUPS_KEPT)
    assert [about.stamp for about, _ in history.since(None)] == history.stamps()
    later = add(history, history.next_stamp(NOW), "g3")
    assert history.prune() == {"g1", "g3"}
    assert (mine.exists(), later.exists()) == (True, True)


def test_a_damaged_record_of_roles_is_found_as_well(history) -> None:
    apart = History(history.directory.parent, DISK, of_roles=True)
    apart.prepare()
    (apart.directory / "1.json").write_text("{")
    with pytest.raises(ConflictError):
        history.prepare()
