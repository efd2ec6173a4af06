import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pgward.hba.logs import following
from pgward.hba.logs.following import Follower, place_of
from pgward.hba.logs.places import Format, Place
from pgward.hba.logs.position import Position
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.disk import DiskError
from pgward.system.postgres import Account

NOW = datetime.now(UTC) + timedelta(hours=1)
ME = Account("me", os.geteuid(), os.getegid())


def refused(name: str) -> bytes:
    fields = {
        "timestamp": "2026-11-22 04:00:09.277 UTC",
        "user": name,
        "pid": 5,
        "session_id": f"a.{name}",
        "error_severity": "FATAL",
        "message": f'role "{name}" does not exist',
    }
    return json.dumps(fields).encode() + b"\n"


def plain(name: str) -> bytes:
    return f'2026-11-22 04:00:09.277 UTC [5] FATAL:  role "{name}" does not exist\n'.encode()


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "pg.json"
    path.write_bytes(refused("a"))
    return path


def add(path: Path, *names: str) -> None:
    with path.open("ab") as file:
        file.write(b"".join(refused(name) for name in names))


def follow(path: Path, **more) -> Follower:
    return Follower(lambda: Place(Format.JSON, path), ME, "db1", **more)


def read(follower: Follower, now: datetime = NOW) -> list[str]:
    """Read until there is no more; return whom the events are about."""
    found = []
    while True:
        batch = follower.read(now)
        found += [event.details["role"] for event in batch.events if "role" in event.details]
        if not batch.more:
            return found


def test_what_comes_is_read(log):
    follower = follow(log)
    assert read(follower) == ["a"]
    assert read(follower) == []
    add(log, "b", "c")
    assert read(follower) == ["b", "c"]
    follower.close()


def test_half_a_line_waits(log):
    follower = follow(log)
    read(follower)
    with log.open("ab") as file:
        file.write(refused("b")[:40])
    assert read(follower) == []
    with log.open("ab") as file:
        file.write(refused("b")[40:])
    assert read(follower) == ["b"]


def test_after_a_restart_it_goes_on_with_the_same_ids(log):
    first = follow(log)
    batch = first.read(NOW)
    add(log, "b")
    again = follow(log, start=Position.read(batch.position.to_bytes()))
    lost = again.read(NOW).events  # not committed: whoever took them died
    other = follow(log, start=batch.position)
    assert [event.id for event in other.read(NOW).events] == [event.id for event in lost]
    assert [event.details["role"] for event in lost] == ["b"]
    assert batch.events[0].id not in [event.id for event in lost]


def test_a_renamed_file_is_read_to_its_end(log):
    follower = follow(log)
    read(follower)
    add(log, "b")
    log.rename(log.with_name("pg.json.1"))
    assert read(follower) == ["b"]
    with log.with_name("pg.json.1").open("ab") as file:
        file.write(refused("c"))
    log.write_bytes(refused("d"))
    assert read(follower) == ["c", "d"]


def test_a_file_that_was_renamed_meanwhile_is_found(log):
    first = follow(log)
    at = first.read(NOW).position
    add(log, "b")
    log.rename(log.with_name("pg.json.1"))
    log.write_bytes(refused("c"))
    later = follow(log, start=at)
    assert (read(later), later.lost) == (["b", "c"], False)


def test_a_file_that_is_gone_is_told(log):
    at = follow(log).read(NOW).position
    log.unlink()
    log.write_bytes(refused("longer") + refused("c"))
    later = follow(log, start=at)
    assert (read(later), later.lost) == (["longer", "c"], True)


@pytest.mark.parametrize("names", [("b",), ("b", "c", "d")])
def test_a_truncated_file_is_read_anew(log, names):
    add(log, "x")
    follower = follow(log)
    before = {event.id for event in follower.read(NOW).events}
    log.write_bytes(b"".join(refused(name) for name in names))
    assert tuple(read(follower)) == names
    assert before.isdisjoint(event.id for event in follow(log).read(NOW).events)


def test_the_server_says_which_file_comes_next(tmp_path):
    current = {"name": "1.json"}
    for number, name in enumerate(("0", "1", "2", "3")):
        (tmp_path / f"{name}.json").write_bytes(refused(name))
        os.utime(tmp_path / f"{name}.json", (number, number))
    place = lambda: Place(  # noqa: E731 - it changes
        Format.JSON, tmp_path / current["name"], data_dir=tmp_path
    )
    follower = Follower(place, ME, "db1")
    assert read(follower) == ["1"]
    current["name"] = "3.json"  # two rotations while nobody looked
    assert read(follower) == ["2", "3"]


def test_a_message_is_whole_when_nothing_follows(tmp_path):
    path = tmp_path / "pg.log"
    path.write_bytes(plain("a"))
    place = Place(Format.STDERR, path, "%m [%p] ")
    follower = Follower(lambda: place, ME, "db1")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert follower.read(written).events == ()
    before = follower.position().offset
    assert len(follower.read(written + timedelta(seconds=2)).events) == 1
    assert (before, follower.position().offset) == (0, len(plain("a")))


def test_what_is_held_back_is_told_in_the_end(tmp_path):
    path = tmp_path / "pg.log"
    line = "2026-11-22 04:00:09.277 UTC [5] LOG:  connection authorized: user=ann database=shop\n"
    path.write_text(line)
    place = Place(Format.STDERR, path, "%m [%p] ")
    follower = Follower(lambda: place, ME, "db1")
    at = datetime(2026, 11, 22, 4, 0, 9, tzinfo=UTC)
    assert follower.read(at).events == ()
    assert [event.actor for event in follower.finish(at)] == ["ann"]


def test_from_the_end(log):
    follower = follow(log, from_end=True)
    assert read(follower) == []
    add(log, "b")
    assert read(follower) == ["b"]


def test_there_is_no_log_yet(tmp_path):
    follower = follow(tmp_path / "none.json")
    assert follower.read(NOW).position is None
    with pytest.raises(ValueError, match="nothing was read"):
        follower.position()
    (tmp_path / "none.json").write_bytes(refused("a"))
    assert read(follower) == ["a"]


def test_what_is_no_plain_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert follow(tmp_path / "fifo").read(NOW).position is None


def test_a_log_that_cannot_be_read(tmp_path):
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)
    with pytest.raises(DiskError, match="cannot read the log"):
        follow(loop).read(NOW)


def test_a_batch_has_an_end(log, monkeypatch):
    monkeypatch.setattr(following, "CHUNK", 10)
    monkeypatch.setattr(following, "BATCH_CHUNKS", 3)
    add(log, *"bcdef")
    assert read(follow(log)) == list("abcdef")


def test_a_flood_is_told_as_a_number(log):
    add(log, *(f"n{number}" for number in range(300)))
    follower = follow(log)
    events = []
    for _ in range(4):
        events += follower.read(NOW).events
    counted = [event.details.get("unrecorded_before") for event in events]
    assert (len(events), counted[-1]) == (51, 301 - 50)


def test_where_a_server_logs_is_asked_again(pg_files, tmp_path):
    found = DataDir.open(pg_files.data_dir)
    fixed = Place(Format.CSV, tmp_path / "x.csv")
    assert place_of(found, fixed)() is fixed
    first = Place(Format.CSV, found.path / "a.csv", data_dir=found.path)
    where = place_of(found, first)
    assert where() is first
    (found.path / "current_logfiles").write_text("stderr log/a.log\ncsvlog log/b.csv\n")
    assert where().path == found.path / "log/b.csv"
