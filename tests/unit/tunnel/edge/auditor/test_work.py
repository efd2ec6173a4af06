"""What is on tape comes into chunks once, wherever the auditor is killed."""

import errno
import json
import logging
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.chain import chunk
from pgward.audit.chain.chunk import open_chunk
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import verify
from pgward.core.errors import PgwardError
from pgward.system.files import atomic_write
from pgward.tunnel.edge.auditor import checkpoint as checkpoint_module
from pgward.tunnel.edge.auditor import shelf as shelf_module
from pgward.tunnel.edge.auditor.shelf import Shelf
from pgward.tunnel.edge.auditor.work import Work
from tests.fixtures.fake_tapes import FakeTapes

A, B = "a" * 16, "b" * 16


@pytest.fixture(autouse=True)
def no_flushing(monkeypatch):
    """Spare the disk: no power is cut here."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


class Clock:
    """Time that passes with each look at it."""

    def __init__(self, step=0.3):
        self.moment = 0.0
        self.step = step

    def __call__(self):
        self.moment += self.step
        return self.moment


def never(reason):
    raise AssertionError(reason)


def make(place, tapes, **more):
    shelf = Shelf(place)
    return Work(place, "edge-1", tapes, shelf, **{"wait": never, "now": Clock()} | more), shelf


def finish(work):
    while not work.idle:
        work.round()
    work.close()


def chained(shelf):
    """Return the ids of all records on a shelf, after their chunks were verified as one chain."""
    lines, head = [], None
    for number in shelf.numbers:
        entry, data = shelf.load(number)
        assert entry.number == number
        head = head or Head.origin(entry.manifest.chain)
        assert entry.manifest.start == head
        lines += open_chunk(data, entry.manifest)
        head = entry.manifest.end
    if lines:
        assert verify(lines, Head.origin(head.chain)) == head
    return [json.loads(line)["id"] for line in lines]


def of(boot, ids):
    return [each for each in ids if each.startswith(boot)]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunk, "MOST_LINES", 4)


@pytest.fixture
def tapes():
    made = FakeTapes()
    made.write(A, 9)
    made.write(B, 5)
    return made


@pytest.mark.usefixtures("small_chunks")
def test_every_record_is_chained_and_tapes_that_ended_are_removed(tmp_path, tapes):
    expected = {boot: tapes.ids(boot) for boot in (A, B)}
    work, shelf = make(tmp_path, tapes)
    finish(work)
    found = chained(shelf)
    assert {boot: of(boot, found) for boot in (A, B)} == expected
    assert (tapes.boots(), work.records, work.behind) == ([], len(found), 0)
    assert work.checkpoint.number == max(shelf.numbers) + 1


def test_a_record_waits_for_its_chunk_a_second_at_most(tmp_path, tapes):
    clock = Clock(0)
    tapes.tapes[A].ended = tapes.tapes[B].ended = False
    work, shelf = make(tmp_path, tapes, now=clock)
    assert work.round()
    assert shelf.numbers == []
    clock.moment = 0.99
    assert work.round()
    assert shelf.numbers == []
    clock.moment = 1.0
    work.round()
    assert len(shelf.numbers) == 1
    work.round()
    assert not work.round()


def test_what_has_begun_waits_for_more(tmp_path, tapes):
    tapes.tapes[A].ended = tapes.tapes[B].ended = False
    work, shelf = make(tmp_path, tapes)
    for _ in range(10):
        work.round()
    assert len(chained(shelf)) == 8 + 4
    assert not work.idle
    tapes.write(A, 3)
    tapes.write(B, 0)
    finish(work)
    assert of(A, chained(shelf)) == [f"{A}-{each}" for each in range(1, 12)] + [f"{A}-end"]


class KilledError(BaseException):
    """The process is gone."""


class Killer:
    """Kills at one of the moments at which something is done to the disk."""

    def __init__(self, monkeypatch, tapes):
        self.left = -1
        for module in (shelf_module, checkpoint_module):
            monkeypatch.setattr(module, "atomic_write", self.write)
        tapes.before = self.step

    def step(self, _what=""):
        self.left -= 1
        if self.left == 0:
            raise KilledError

    def write(self, path, data, mode=0o600):
        self.step()
        atomic_write(path, data, mode)
        self.step()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("restarts", [1, 3])
def test_no_record_is_lost_or_doubled_wherever_it_is_killed(tmp_path, monkeypatch, restarts):
    for moment in count(1):
        killed = False
        tapes = FakeTapes()
        tapes.write(A, 9)
        tapes.write(B, 5)
        expected = {boot: tapes.ids(boot) for boot in (A, B)}
        killer = Killer(monkeypatch, tapes)
        place = tmp_path / str(moment)
        for _ in range(restarts):
            killer.left = moment
            try:
                work, _ = make(place, tapes)
                finish(work)
            except KilledError:
                killed = True
        killer.left = -1
        work, shelf = make(place, tapes)
        finish(work)
        found = chained(shelf)
        assert {boot: of(boot, found) for boot in (A, B)} == expected
        assert len(found) == sum(map(len, expected.values()))
        if not killed:  # there are no more moments
            break
    assert moment > 20


STEPS = st.lists(st.sampled_from(["round", "settle", "write", "kill", "deliver"]), max_size=60)


@settings(max_examples=60)
@given(STEPS, st.integers(1, 5))
def test_kills_between_any_steps_lose_nothing(tmp_path_factory, steps, at_once):
    place = tmp_path_factory.mktemp("work")
    tapes = FakeTapes(at_once)
    tapes.write(A, 3, ended=False)
    clock, delivered = Clock(), []
    work, shelf = make(place, tapes, now=clock)
    for step in steps:
        if step == "round":
            work.round()
        elif step == "settle":
            work.settle()
        elif step == "write":
            tapes.write(A, 2, ended=False)
        elif step == "deliver":
            delivered += deliver(work, shelf)
        else:
            work, shelf = make(place, tapes, now=clock)
    tapes.write(A, 0)
    expected = tapes.ids(A)
    finish(work)
    delivered += deliver(work, shelf)
    assert delivered == expected
    assert shelf.numbers == []


def deliver(work, shelf):
    """Take what the auditor may remove, as everybody has it."""
    upto = work.checkpoint.number - 1
    found = []
    for number in shelf.numbers:
        if number <= upto:
            entry, data = shelf.load(number)
            found += [json.loads(line)["id"] for line in open_chunk(data, entry.manifest)]
    shelf.remove(upto)
    return found


@pytest.mark.usefixtures("small_chunks")
def test_a_full_disk_is_waited_for(tmp_path, monkeypatch, tapes):
    expected = tapes.ids(A)
    refusals, reasons = [3], []

    def full(path, data, mode=0o600):
        if refusals[0]:
            refusals[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        atomic_write(path, data, mode)

    for module in (shelf_module, checkpoint_module):
        monkeypatch.setattr(module, "atomic_write", full)
    work, shelf = make(tmp_path, tapes, wait=reasons.append)
    refusals[0] = 2
    finish(work)
    assert of(A, chained(shelf)) == expected
    assert len(reasons) == 5
    assert "No space left" in reasons[0]


def test_a_tape_that_cannot_be_read_does_not_hold_the_others_up(tmp_path, tapes, caplog):
    work, shelf = make(tmp_path, tapes)
    really = tapes.open

    def bad(boot, *more):
        if boot == A:
            raise PgwardError("damaged")
        return really(boot, *more)

    tapes.open = bad
    with caplog.at_level(logging.ERROR):
        finish(work)
    assert f"tape {A} cannot be read, and is left as it is: PgwardError('damaged')" in caplog.text
    assert work.unreadable == [A]
    assert of(B, chained(shelf)) == [f"{B}-{each}" for each in range(1, 5)] + [f"{B}-end"]
    assert tapes.boots() == [A]
    tapes.open = really
    work, shelf = make(tmp_path, tapes)
    finish(work)
    assert len(of(A, chained(shelf))) == 9


def test_a_tape_that_breaks_the_joiner_is_read_again_at_the_next_start(tmp_path, tapes, caplog):
    expected = {boot: tapes.ids(boot) for boot in (A, B)}
    whole = tapes.tapes[A].frames[7]
    work, shelf = make(tmp_path, tapes)
    work.round()
    work.settle()
    tapes.tapes[A].frames[7] = b"\xff"  # which is no text
    finish(work)
    assert "UnicodeDecodeError" in caplog.text
    assert (tapes.boots(), work.unreadable) == ([A], [A])
    assert of(B, chained(shelf)) == expected[B]
    tapes.tapes[A].frames[7] = whole
    work, shelf = make(tmp_path, tapes)
    finish(work)
    assert of(A, chained(shelf)) == expected[A]


def test_a_tape_that_could_not_be_removed_is_removed_at_the_next_start(tmp_path, tapes):
    really, tapes.remove = tapes.remove, lambda _boot: None
    work, shelf = make(tmp_path, tapes)
    finish(work)
    before = chained(shelf)
    assert tapes.boots() == [A, B]
    tapes.remove = really
    work, shelf = make(tmp_path, tapes)
    finish(work)
    assert (tapes.boots(), chained(shelf)) == ([], before)


def test_chunks_of_another_checkpoint_are_not_gone_on_with(tmp_path, tapes):
    work, shelf = make(tmp_path, tapes)
    finish(work)
    (tmp_path / "checkpoint.json").unlink()
    again, _ = make(tmp_path, tapes)
    assert again.checkpoint.number == max(shelf.numbers) + 1
    other = (tmp_path / f"{max(shelf.numbers):012}.chunk").read_bytes()
    (tmp_path / f"{again.checkpoint.number:012}.chunk").write_bytes(other)
    with pytest.raises(PgwardError, match="not of this checkpoint"):
        make(tmp_path, tapes)


def test_numbers_go_on_behind_those_of_cursors(tmp_path):
    work, _ = make(tmp_path, FakeTapes(), least_number=17)
    assert work.checkpoint.number == 17
