import os
from datetime import UTC, datetime, timedelta

import pytest

from pgward.hba.roles.fuses import Fuses
from pgward.hba.server.disk import Disk
from pgward.system.postgres import Account

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENDS = {("ann", "a_1"): NOW, ("ben", 'b"1'): NOW + timedelta(hours=1)}


@pytest.fixture
def fuses(tmp_path) -> Fuses:
    return Fuses(tmp_path / "until.json", Disk(Account("me", os.geteuid(), os.getegid())))


def test_ends_are_kept_until_there_are_none(fuses, tmp_path):
    assert fuses.load() == {}
    fuses.save(ENDS)
    assert fuses.load() == ENDS
    assert fuses.path.stat().st_mode & 0o777 == 0o600
    fuses.save({})
    assert (fuses.load(), list(tmp_path.iterdir())) == ({}, [])


def test_what_is_over_is_told_by_the_time(fuses):
    fuses.save(ENDS)
    assert fuses.over(NOW - timedelta(seconds=1)) == frozenset()
    assert fuses.over(NOW) == {("ann", "a_1")}
    assert fuses.over(NOW + timedelta(days=1)) == ENDS.keys()


def test_what_is_kept_is_not_written_again(fuses):
    fuses.save(ENDS)
    before = fuses.path.stat().st_ino
    fuses.save(dict(ENDS))
    assert fuses.path.stat().st_ino == before


@pytest.mark.parametrize("text", ["{", "[1]", "5", '[["a", "b", "noon"]]', '[["a", "b", 7]]'])
def test_a_damaged_file_holds_none(fuses, text):
    fuses.path.write_text(text)
    assert fuses.load() == {}
