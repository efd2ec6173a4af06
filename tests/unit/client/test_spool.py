import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pgward.client import spool as module
from pgward.client.spool import Spool, batched
from pgward.core.errors import UnavailableError


class Ca:
    """Takes events, counts an id once, and can be away."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.known: list[str] = []
        self.away = 0
        self.refuses: set[str] = set()
        self.strange: Exception | None = None
        self.arrived = threading.Event()

    def send(self, events):
        if self.away:
            self.away -= 1
            raise UnavailableError("the CA is away")
        if self.strange is not None:
            error, self.strange = self.strange, None
            raise error
        ids = [event["id"] for event in events]
        self.batches.append(ids)
        self.known += [each for each in ids if each not in [*self.known, *self.refuses]]
        self.arrived.set()
        return [each for each in ids if each not in self.refuses]


@pytest.fixture
def ca() -> Ca:
    return Ca()


@pytest.fixture
def spool(tmp_path, ca):
    made = Spool(tmp_path / "spool", "worker-0", ca.send)
    yield made
    made.stop()


def event(number: int) -> dict[str, object]:
    return {"id": f"e{number}", "text": "Grüße\n\u2028\0"}


def files(tmp_path) -> dict[str, bytes]:
    found = (tmp_path / "spool").iterdir()
    return {path.name: path.read_bytes() for path in found if path.suffix != ".lock"}


def test_events_are_on_disk_at_once_and_gone_once_delivered(tmp_path, spool, ca):
    spool.append(event(1))
    spool.append_line('{"id":"e2"}')
    lines = files(tmp_path)["worker-0.jsonl"].splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["e1", "e2"]
    assert json.loads(lines[0]) == event(1)
    spool.deliver()
    assert ca.known == ["e1", "e2"]
    assert files(tmp_path) == {}
    spool.deliver()
    assert len(ca.batches) == 1


@pytest.mark.usefixtures("spool")
def test_the_directory_is_private(tmp_path):
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_nothing_is_lost_while_the_ca_is_away(tmp_path, spool, ca):
    ca.away = 2
    for number in (1, 2, 3):
        spool.append(event(number))
        if number < 3:
            with pytest.raises(UnavailableError):
                spool.deliver()
    spool.deliver()
    assert ca.known == ["e1", "e2", "e3"]
    assert files(tmp_path) == {}


def test_a_kill_after_the_send_delivers_the_same_ids_again(tmp_path, spool, ca):
    """At least once: the CA counts an id once."""
    spool.append(event(1))

    class Killed(BaseException):
        pass

    def killed(events):
        ca.send(events)
        raise Killed

    spool._send = killed
    with pytest.raises(Killed):
        spool.deliver()
    spool.stop()
    again = Spool(tmp_path / "spool", "worker-0", ca.send)
    again.append(event(2))
    again.deliver()
    again.stop()
    assert ca.batches == [["e1"], ["e1"], ["e2"]]
    assert ca.known == ["e1", "e2"]


def test_a_broken_last_line_costs_no_other_event(tmp_path, ca):
    """A process was killed in mid-write; the next one appends to the same file."""
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "spool" / "worker-0.jsonl").write_bytes(b'{"id":"e1"}\n{"id":"e2","te')
    spool = Spool(tmp_path / "spool", "worker-0", ca.send)
    spool.append(event(3))
    spool.deliver()
    spool.stop()
    assert ca.known == ["e1", "e3"]


@pytest.mark.parametrize("garbage", [b"\xff\xfe\0", b"[]", b"7", b"", b"[" * 100_000])
def test_garbage_on_disk_costs_no_event(tmp_path, spool, ca, garbage):
    spool.append(event(1))
    with (tmp_path / "spool" / "worker-0.jsonl").open("ab") as file:
        file.write(garbage + b"\n")
    spool.append(event(2))
    spool.deliver()
    assert ca.known == ["e1", "e2"]


def test_a_full_disk_is_logged_and_raises_nothing(spool, ca, caplog):
    spool.append(event(1))

    class Full:
        """Takes half of what is left to write, then nothing, then all again."""

        def __init__(self, real) -> None:
            self.real = real

        def write(self, line: bytes) -> int:
            return self.real.write(line[: len(line) // 2])

        def close(self) -> None:
            self.real.close()

    spool._file = Full(spool._file)
    spool.append(event(2))
    assert "cannot be kept (No space left on device)" in caplog.text
    assert '"id":"e2"' in caplog.text
    spool.append(event(3))
    spool.deliver()
    assert ca.known == ["e1", "e3"]


def test_a_spool_grows_no_further_than_it_may(tmp_path, ca, caplog):
    """A host's disk is PostgreSQL's first of all."""
    spool = Spool(tmp_path / "spool", "agent", ca.send, most_bytes=30)
    spool.append_line('{"id":"e1"}')
    ca.away = 1
    with pytest.raises(UnavailableError):
        spool.deliver()
    spool.append_line('{"id":"e2"}')
    assert spool.waiting_bytes() == 24
    assert caplog.text == ""
    spool.append_line('{"id":"e3"}')
    assert 'cannot be kept (too many wait for the CA already): {"id":"e3"}' in caplog.text
    spool.deliver()
    assert spool.waiting_bytes() == 0
    spool.append_line('{"id":"e4"}')
    spool.deliver()
    spool.stop()
    assert ca.known == ["e1", "e2", "e4"]


def test_a_disk_that_refuses_to_open(tmp_path, spool, caplog):
    (tmp_path / "spool" / "worker-0.jsonl").mkdir()
    spool.append(event(1))
    assert "cannot be kept" in caplog.text


def test_a_real_full_device(spool, caplog):
    spool._path = Path("/dev/full")
    spool.append(event(1))
    spool.append(event(2))
    assert caplog.text.count("No space left on device") == 2


def test_many_events_go_in_batches(spool, ca, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    for number in range(7):
        spool.append(event(number))
    spool.deliver()
    assert [len(batch) for batch in ca.batches] == [3, 3, 1]


def test_long_events_hold_up_no_other(tmp_path, spool, ca, monkeypatch, caplog):
    monkeypatch.setattr(module, "BATCH_BYTES", 100)
    for number in range(4):
        spool.append({"id": f"e{number}", "text": "x" * 30})
    spool.append({"id": "long", "text": "x" * 200})
    spool.append({"id": "next"})
    spool.deliver()
    assert ca.batches == [["e0"], ["e1"], ["e2"], ["e3", "next"]]
    assert "long" not in ca.known
    assert "too long for the CA" in caplog.text
    assert files(tmp_path) == {}


def test_a_loss_in_the_middle_sends_all_again(spool, ca, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(5):
        spool.append(event(number))
    calls = 0

    def once(events):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise UnavailableError("gone in the middle")
        return ca.send(events)

    spool._send = once
    with pytest.raises(UnavailableError):
        spool.deliver()
    spool.deliver()
    assert ca.known == [f"e{number}" for number in range(5)]


def test_an_event_that_the_ca_refuses_is_logged_and_holds_up_no_other(tmp_path, spool, ca, caplog):
    ca.refuses = {"e1"}
    for number in (1, 2):
        spool.append(event(number))
    spool.deliver()
    assert ca.known == ["e2"]
    assert files(tmp_path) == {}
    assert "does not take an audit event" in caplog.text


def test_events_of_many_threads_are_whole(spool, ca):
    def work(base: int) -> None:
        for number in range(200):
            spool.append(event(base + number))

    threads = [threading.Thread(target=work, args=(1000 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        spool.deliver()
    spool.deliver()
    assert len(ca.known) == len(set(ca.known)) == 800


# --- leftovers ----------------------------------------------------------------------------


def left(tmp_path, ca, name: str, *numbers: int) -> None:
    gone = Spool(tmp_path / "spool", name, ca.send)
    for number in numbers:
        gone.append(event(number))
    gone.stop()


def test_what_workers_left_that_are_no_longer_started_is_delivered(tmp_path, ca):
    left(tmp_path, ca, "worker-2", 1, 2)
    (tmp_path / "spool" / "worker-2.jsonl").rename(tmp_path / "spool" / "worker-2.sending")
    left(tmp_path, ca, "worker-2", 3)
    left(tmp_path, ca, "worker-3", 4)
    spool = Spool(tmp_path / "spool", "worker-0", ca.send, adopts=True)
    spool.append(event(5))
    spool.deliver()
    spool.stop()
    assert ca.known == ["e5", "e1", "e2", "e3", "e4"]
    assert files(tmp_path) == {}


def test_what_a_living_worker_holds_is_its_own(tmp_path, ca):
    other = Spool(tmp_path / "spool", "worker-1", ca.send)
    other.append(event(1))
    spool = Spool(tmp_path / "spool", "worker-0", ca.send, adopts=True)
    spool.deliver()
    assert ca.known == []
    other.append(event(2))
    other.deliver()
    other.append(event(3))
    other.stop()
    spool.deliver()
    spool.stop()
    assert ca.known == ["e1", "e2", "e3"]


def test_leftovers_are_for_one_to_deliver(tmp_path, ca):
    left(tmp_path, ca, "worker-2", 1)
    spool = Spool(tmp_path / "spool", "worker-1", ca.send)
    spool.deliver()
    spool.stop()
    assert ca.known == []
    assert list(files(tmp_path)) == ["worker-2.jsonl"]


def test_leftovers_wait_while_the_ca_is_away(tmp_path, ca):
    left(tmp_path, ca, "worker-2", 1)
    spool = Spool(tmp_path / "spool", "worker-0", ca.send, adopts=True)
    ca.away = 1
    with pytest.raises(UnavailableError):
        spool.deliver()
    spool.deliver()
    spool.stop()
    assert ca.known == ["e1"]


def test_an_edge_that_drains_and_the_one_after_it_share_no_file(tmp_path, ca):
    draining = Spool(tmp_path / "spool", "worker-0", ca.send)
    draining.append(event(1))
    after = Spool(tmp_path / "spool", "worker-0", ca.send, adopts=True)
    after.append(event(2))
    assert sorted(files(tmp_path)) == ["worker-0-1.jsonl", "worker-0.jsonl"]
    after.deliver()
    draining.append(event(3))
    draining.stop()
    draining.deliver()  # its thread may be about to: the files are for others now
    assert ca.known == ["e2"]
    after.deliver()
    after.stop()
    assert ca.known == ["e2", "e1", "e3"]


# --- the thread ---------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "GATHER", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("strange", [None, ValueError("not JSON"), KeyError("accepted")])
def test_the_thread_delivers_what_was_left_and_what_comes(tmp_path, ca, strange):
    left = Spool(tmp_path / "spool", "worker-0", ca.send)
    left.append(event(1))
    left.stop()
    ca.away, ca.strange = 3, strange
    spool = Spool(tmp_path / "spool", "worker-0", ca.send)
    thread = spool.start()
    assert ca.arrived.wait(10)
    ca.arrived.clear()
    spool.append(event(2))
    assert ca.arrived.wait(10)
    spool.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert ca.known == ["e1", "e2"]


@pytest.mark.usefixtures("quick")
def test_the_thread_looks_for_leftovers_though_nothing_arrives(tmp_path, ca, monkeypatch):
    monkeypatch.setattr(module, "LEFTOVERS_SECONDS", 0.001)
    spool = Spool(tmp_path / "spool", "worker-0", ca.send, adopts=True)
    spool.append(event(1))
    thread = spool.start()
    assert ca.arrived.wait(10)
    ca.arrived.clear()
    left(tmp_path, ca, "worker-2", 2)
    assert ca.arrived.wait(10)
    spool.stop()
    thread.join(10)
    assert ca.known == ["e1", "e2"]


def test_a_process_that_is_killed_while_it_writes_loses_nothing_before(tmp_path, ca):
    program = (
        "import sys; from pathlib import Path; from pgward.client.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 'worker-0', lambda events: [])\n"
        "for number in range(10**9):\n"
        "    spool.append({'id': f'e{number}', 'text': 'x' * 500})\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    spool = Spool(tmp_path / "spool", "worker-0", ca.send)
    spool.append({"id": "next"})
    spool.deliver()
    spool.stop()
    assert {f"e{number}" for number in told} <= set(ca.known)
    assert ca.known[-1] == "next"


def test_batches():
    assert list(batched([], 3, 9)) == []
    assert [len(batch) for batch in batched((({}, 1) for _ in range(7)), 3, 9)] == [3, 3, 1]
    assert [len(batch) for batch in batched((({}, 4) for _ in range(5)), 3, 9)] == [2, 2, 1]
    assert [len(batch) for batch in batched([({}, 10), ({}, 10)], 3, 9)] == [1, 1]
