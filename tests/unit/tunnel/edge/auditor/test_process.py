"""The whole auditor, in a thread: real tapes, a real HTTPS server as CA, real sinks."""

import contextlib
import json
import logging
import os
import shutil
import threading
from collections import Counter

import pytest

from pgward.audit.chain import chunk
from pgward.core.clock import SystemClock
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.auditor import delivery, life_line, process, status, work
from pgward.tunnel.edge.auditor.life_line import LifeLine, end_line
from pgward.tunnel.edge.auditor.process import Auditor
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from tests.fixtures.taped import TAPE_KEY, Taped
from tests.fixtures.waiting import eventually


class Running:
    """An auditor that runs in a thread, and the edge's end of its life line."""

    def __init__(self, directory, **more):
        self.settings = AuditorSettings(directory, tape_key=TAPE_KEY, **more)
        reader, writer = os.pipe()
        self._reader, self._writer = os.fdopen(reader, "rb", 0), os.fdopen(writer, "wb", 0)
        self.auditor = Auditor(self.settings, LifeLine(reader), SystemClock())
        self._thread = threading.Thread(target=self.auditor.run)
        self._thread.start()

    @property
    def work(self):
        return self.auditor._work

    @property
    def shelf(self):
        return self.auditor._shelf

    def tell_end(self, seconds=20.0):
        self._writer.write(end_line(seconds))

    def end(self, seconds=20.0):
        self.tell_end(seconds)
        self.die()

    def die(self):
        self._writer.close()
        self._thread.join()

    def close(self):
        self.die()
        self._reader.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.005)
    for name in ("LOOK_SECONDS", "LAST_LOOK_SECONDS"):
        monkeypatch.setattr(process, name, 0.005)
    for name in ("_TIDY_SECONDS", "_RETRY_SECONDS", "_STATUS_SECONDS", "_LAST_SECONDS"):
        monkeypatch.setattr(process, name, 0.01)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(work, "CHUNK_SECONDS", 0.03)
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)  # no power is cut here
    monkeypatch.setattr(life_line, "ABRUPT_SECONDS", 5.0)


@pytest.fixture
def directory(archive_ca, tmp_path):
    return archive_ca.enroll(tmp_path / "edge")


@pytest.fixture
def run(directory):
    made = []

    def start(**more):
        made.append(Running(directory, **more))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def tape(directory):
    made = Taped(directory)
    yield made
    with contextlib.suppress(OSError, ValueError):
        made.close()


def kinds(archive):
    return Counter(record["type"] for record in archive.records)


def all_of(queries, sessions=1):
    return {"SESSION_START": sessions, "QUERY": queries, "SESSION_END": sessions}


def test_what_is_on_tape_comes_to_the_ca_and_nothing_stays(archive_ca, run, tape, directory):
    auditor = run()
    tape.session(queries=50)
    eventually(lambda: kinds(archive_ca.archive) == all_of(50))
    tape.session(queries=30)
    tape.close()
    auditor.end()
    archive = archive_ca.archive
    assert kinds(archive) == all_of(80, 2)
    assert len(set(archive.ids)) == len(archive.ids)
    assert {record["edge"] for record in archive.records} == {"edge-1"}
    assert list((directory / "tape").iterdir()) == []
    found = status.load(directory / "audit")
    assert (found["records"], found["tape_bytes"], found["targets"]["ca"]["chunks"]) == (84, 0, 0)


def test_an_end_in_order_waits_for_sessions_that_still_end(archive_ca, run, tape):
    auditor = run()
    tape.session(queries=3, ended=False)
    eventually(lambda: auditor.work.records >= 4)
    auditor.tell_end()
    tape.query(1, "select 'last'")
    tape.close()
    auditor.die()
    assert archive_ca.archive.records[-2]["text"] == "select 'last'"
    assert kinds(archive_ca.archive) == all_of(4)


def test_when_the_edge_died_what_is_on_tape_is_done_at_once(archive_ca, run, tape):
    auditor = run()
    tape.session(queries=10, ended=False)
    auditor.die()
    assert kinds(archive_ca.archive)["QUERY"] == 10
    tape.query(1, "select 'later'")
    tape.close()
    run().end()
    assert kinds(archive_ca.archive) == all_of(11)


def test_an_end_is_heard_while_there_is_always_more_to_do(archive_ca, run, tape, monkeypatch):
    monkeypatch.setattr(life_line, "ABRUPT_SECONDS", 0.3)
    auditor = run()
    tape.session(queries=1, ended=False)
    stop = threading.Event()

    def talk():
        while not stop.is_set():
            tape.query(1, "select 'again'")

    talking = threading.Thread(target=talk)
    talking.start()
    auditor.die()
    stop.set()
    talking.join()
    run().die()
    assert len(set(archive_ca.archive.ids)) == len(archive_ca.archive.ids)


def test_while_the_ca_is_away_records_wait_on_disk(archive_ca, run, tape, directory, caplog):
    archive_ca.away()
    auditor = run()
    tape.session(queries=20)
    tape.close()
    with caplog.at_level(logging.WARNING):
        eventually(lambda: "ca does not take records, which wait" in caplog.text)
        auditor.end()
    assert "targets" in status.load(directory / "audit")
    assert list((directory / "tape").iterdir()) == []
    archive_ca.back()
    run().end()
    assert kinds(archive_ca.archive) == all_of(20)


def test_a_ca_that_lost_what_it_had_is_told_of_the_gap(archive_ca, run, tape):
    auditor = run()
    tape.session(queries=5)
    eventually(lambda: kinds(archive_ca.archive) == all_of(5))
    eventually(lambda: not auditor.shelf.numbers)
    archive_ca.archive.heads.clear()
    archive_ca.archive.lines.clear()
    tape.session(queries=1)
    tape.close()
    auditor.end()
    assert archive_ca.archive.missing == ["1-7"]
    assert kinds(archive_ca.archive) == all_of(1)


def test_a_chunk_that_the_ca_refuses_for_good_holds_nothing_up(archive_ca, run, tape, directory):
    archive_ca.archive.refuses = 1
    auditor = run()
    tape.session(queries=5)
    eventually(lambda: len(auditor.shelf.refused) == 1)
    tape.session(queries=1)
    eventually(lambda: kinds(archive_ca.archive)["SESSION_END"] >= 1)
    eventually(lambda: not (auditor.shelf.numbers or auditor.auditor._waiting()))
    auditor.end(0.0)
    found = status.load(directory / "audit")
    assert (found["refused"], found["targets"]["ca"]) == (1, {"chunks": 0, "problem": None})
    assert len(archive_ca.archive.missing) == 1
    again = run()  # by now the CA takes it, in a chain of its own
    tape.session(queries=1)
    eventually(lambda: not again.shelf.refused)
    tape.close()
    again.end()
    assert kinds(archive_ca.archive) == all_of(7, 3)
    assert len(archive_ca.archive.heads) == 2


def test_an_edge_that_was_restored_from_a_backup_begins_another_chain(
    archive_ca, run, tape, directory, caplog
):
    place, backup = directory / "audit", directory / "backup"
    auditor = run()
    tape.session(queries=3, ended=False)
    eventually(lambda: kinds(archive_ca.archive)["QUERY"] == 3)
    auditor.die()
    shutil.copytree(place, backup)
    tape.query(1, "select 'after the backup'")
    run().die()
    shutil.rmtree(place)
    backup.rename(place)
    again = run()
    tape.query(1, "select 'after the restore'")
    eventually(lambda: kinds(archive_ca.archive)["QUERY"] == 6)
    tape.query(1, "select 'last'")
    tape.close()
    again.end()
    archive = archive_ca.archive
    assert len(archive.heads) == 2
    assert "is left: its records from chunk" in caplog.text
    texts = [record.get("text", "")[7:] for record in archive.records[4:]]
    # One record came in both chains; its id tells that it is the same.
    assert texts == [*["'after the backup'"] * 2, "'after the restore'", "'last'", ""]
    assert len(set(archive.ids)) == len(archive.ids) - 1


def test_sinks_get_the_same_lines(archive_ca, run, tape, tmp_path, plain_receiver):
    log = tmp_path / "audit.ndjson"
    auditor = run(sinks=(f"file://{log}", f"otlp+http://{plain_receiver.address}/v1/logs"))
    tape.session(queries=20)
    tape.close()
    auditor.end()
    assert log.read_bytes().splitlines() == archive_ca.archive.lines
    sent = b"".join(body for _, _, body in plain_receiver.requests)
    assert sent.count(b"pgward.id") == len(archive_ca.archive.lines)


def test_a_sink_that_is_away_does_not_hold_the_ca_up(archive_ca, run, tape, plain_receiver):
    plain_receiver.status = 503
    auditor = run(sinks=(f"otlp+http://{plain_receiver.address}/v1/logs",))
    tape.session(queries=20)
    eventually(lambda: kinds(archive_ca.archive) == all_of(20))
    assert auditor.shelf.numbers
    plain_receiver.status = 200
    eventually(lambda: not auditor.shelf.numbers)
    tape.close()
    auditor.end()


def test_a_sink_that_is_away_too_long_is_left_out(run, tape, archive_ca, plain_receiver, caplog):
    plain_receiver.status = 503
    auditor = run(sinks=(f"otlp+http://{plain_receiver.address}/v1/logs",), spool_max=6_000)
    for _ in range(4):
        tape.session(queries=50)
        eventually(lambda: auditor.work.behind == 0)
    eventually(lambda: kinds(archive_ca.archive) == all_of(200, 4))
    eventually(lambda: "was away too long: it does not get chunks 1 to " in caplog.text)
    eventually(lambda: auditor.shelf.size <= 3_000)
    tape.close()
    auditor.end(0)


def test_a_full_spool_lets_the_tape_wait(archive_ca, run, tape, monkeypatch, caplog):
    monkeypatch.setattr(chunk, "MOST_LINES", 10)
    monkeypatch.setattr("pgward.tunnel.edge.auditor.tapes.MOST_FRAMES", 50)
    archive_ca.away()
    auditor = run(spool_max=5_000)
    tape.session(queries=200)
    eventually(lambda: "no more are taken" in caplog.text)
    assert auditor.work.behind > 5_000
    assert auditor.shelf.size < 20_000
    archive_ca.back()
    eventually(lambda: kinds(archive_ca.archive) == all_of(200))
    tape.close()
    auditor.end()


@pytest.fixture
def disk(directory, small_disk_of):
    """The auditor's files are on a small disk of their own."""
    made = small_disk_of("256k")
    (directory / "audit").symlink_to(made)
    return made


def fill(disk):
    """Leave no room; return the file that holds it all."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def test_a_spool_that_stays_full_does_not_hold_the_end_up(archive_ca, run, tape, caplog):
    archive_ca.away()
    auditor = run(spool_max=100)
    tape.session(queries=10)
    eventually(lambda: "no more are taken" in caplog.text)
    tape.session(queries=10)
    tape.close()
    auditor.end(60)
    archive_ca.back()
    run().end()
    assert kinds(archive_ca.archive) == all_of(20, 2)


def test_a_full_disk_is_waited_for(archive_ca, run, tape, disk, caplog):
    auditor = run()
    filler = fill(disk)
    tape.session(queries=500)
    eventually(lambda: "records cannot be kept, and wait on tape" in caplog.text)
    assert "no space left on device" in caplog.text
    filler.unlink()
    eventually(lambda: kinds(archive_ca.archive) == all_of(500))
    tape.close()
    auditor.end()


def test_a_directory_that_somebody_removed_is_nothing_to_wait_for(run, directory):
    """The next start makes another, which `test_operators` sees."""
    auditor = run()
    auditor.end()
    shutil.rmtree(directory / "audit")
    with pytest.raises(PgwardError, match="somebody has removed"):
        auditor.auditor._disk_refuses("no such file or directory")


def test_a_disk_that_stays_full_does_not_hold_the_end_up(archive_ca, run, tape, disk, caplog):
    auditor = run()
    filler = fill(disk)
    tape.session(queries=100)
    tape.close()
    eventually(lambda: "records cannot be kept" in caplog.text)
    auditor.end(0.05)
    assert "it is read again from the tapes at the next start" in caplog.text
    filler.unlink()
    run().end()
    assert kinds(archive_ca.archive) == all_of(100)


def test_the_first_line_must_be_settings(monkeypatch):
    monkeypatch.setattr(process, "keep_secrets", lambda: None)
    monkeypatch.setattr(process, "hide_memory", lambda: None)
    monkeypatch.setattr(process.signal, "signal", lambda *_: None)
    reader, writer = os.pipe()
    os.close(writer)
    assert process.main(reader) == 2
    os.close(reader)


def test_main_runs_one_at_a_time(directory, monkeypatch):
    monkeypatch.setattr(process, "keep_secrets", lambda: None)
    monkeypatch.setattr(process, "hide_memory", lambda: None)
    monkeypatch.setattr(process.signal, "signal", lambda *_: None)
    monkeypatch.setattr(process, "stand_back", lambda: None)
    reader, writer = os.pipe()
    os.write(writer, AuditorSettings(directory).to_line() + end_line(0.1))
    ran = []

    class Fake:
        def __init__(self, settings, life, _clock):
            ran.append((settings, life.in_order))

        def run(self):
            with process.FileLock(directory / "audit" / "lock"):
                raise AssertionError("another has the lock")

    monkeypatch.setattr(process, "FileLock", _NoWait)
    assert process.main(reader, Fake) == 1
    assert ran == [(AuditorSettings(directory), True)]
    os.close(reader)
    os.close(writer)


class _NoWait(process.FileLock):
    def __init__(self, path, **_more):
        super().__init__(path, timeout=0.0)


def test_status_is_json(directory, run, tape):
    tape.close()
    run().end()
    assert json.loads((directory / "audit" / "status.json").read_text())["chunks"] == 0
