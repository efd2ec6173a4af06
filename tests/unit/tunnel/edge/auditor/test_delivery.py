import logging

import pytest

from pgward.audit.chain.chunk import ChunkError
from pgward.audit.sinks.sink import SinkError
from pgward.core.errors import FaultError, UnacceptableError, UnavailableError
from pgward.system.files import StorageError
from pgward.tunnel.edge.auditor import delivery
from pgward.tunnel.edge.auditor.delivery import Deliverer, SinkTarget, read_cursor, tidy_cursors
from pgward.tunnel.edge.auditor.patience import FAILURES, SECONDS, Patience
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf, read_chunk
from tests.fixtures.records import chained, packed, record
from tests.fixtures.waiting import eventually

RECORDS = [record(each) for each in range(1, 4)]
CHUNK, _ = packed(RECORDS)
LINES = chained(RECORDS)[0]


def entry(number):
    return Entry(number, 1, {}, CHUNK.manifest)


class Target:
    """Takes numbers of chunks; ``problems`` are raised first; ``back`` is where to go back to."""

    name = "target"

    def __init__(self):
        self.taken, self.problems, self.back, self.closed = [], [], {}, False
        self.fails, self.behind = set(), lambda: True

    def deliver(self, entry, data):
        if self.problems:
            raise self.problems.pop(0)
        if entry.number in self.fails:
            raise FaultError(f"the authority failed unexpectedly (0a{len(self.taken)}f)")
        assert data == CHUNK.data
        self.taken.append(entry.number)
        return self.back.pop(entry.number, entry.number)

    def works_behind(self, _number):
        return self.behind()

    def close(self):
        self.closed = True


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    for number in (1, 2, 3):
        made.add(entry(number), CHUNK.data)
    return made


@pytest.fixture
def target(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.01)
    return Target()


@pytest.fixture
def deliverer(shelf, target, tmp_path):
    made = Deliverer(target, shelf, tmp_path)
    yield made
    shelf.close()
    made.stop(10)


def test_chunks_are_delivered_in_order_as_they_come(deliverer, target, shelf, tmp_path):
    deliverer.start()
    eventually(lambda: deliverer.cursor == 3)
    shelf.add(entry(5), CHUNK.data)
    eventually(lambda: deliverer.cursor == 5)
    assert target.taken == [1, 2, 3, 5]
    assert read_cursor(tmp_path / "cursor-target") == 5
    shelf.close()
    deliverer.stop(10)
    assert target.closed


def test_a_restart_goes_on_behind_the_cursor(deliverer, target, shelf, tmp_path):
    assert deliverer.once()
    again = Deliverer(target, shelf, tmp_path)
    assert again.cursor == 1
    while again.once():
        pass
    assert target.taken == [1, 2, 3]


def test_a_target_that_is_away_gets_all_when_it_is_back(deliverer, target, caplog):
    away = UnavailableError("it is away", hint="wait")
    target.problems = [away, away, OSError("broken"), SinkError("bad", retryable=False)]
    with caplog.at_level(logging.INFO):
        deliverer.start()
        eventually(lambda: deliverer.cursor == 3)
        eventually(lambda: deliverer.problem is None)
    assert (target.taken, deliverer.error) == ([1, 2, 3], None)
    assert caplog.messages == [
        "target does not take records, which wait from chunk 1 on: it is away; wait",
        "target does not take records, which wait from chunk 1 on: broken",
        "target does not take records, which wait from chunk 1 on: bad",
        "target takes records again",
    ]


def test_a_fault_of_ours_does_not_end_the_thread(deliverer, target, caplog):
    target.problems = [ZeroDivisionError()]
    deliverer.start()
    eventually(lambda: deliverer.cursor == 3)
    assert "this is a fault of pgward's" in caplog.text


def test_a_target_may_go_back(deliverer, target):
    target.back = {3: 1}
    while deliverer.once():
        pass
    assert target.taken == [1, 2, 3, 2, 3]


def test_what_is_given_up_is_not_delivered(deliverer, target):
    deliverer.give_up(2)
    deliverer.give_up(1)
    while deliverer.once():
        pass
    assert target.taken == [3]


def test_what_is_given_up_while_it_is_delivered_stays_so(deliverer, target):
    really = target.deliver
    target.deliver = lambda *words: (deliverer.give_up(2), really(*words))[1]
    deliverer.once()
    assert deliverer.cursor == 2


class FakeSink:
    def __init__(self):
        self.lines, self.batches_left, self.closed = [], 100, False

    def deliver(self, lines):
        if not self.batches_left:
            raise SinkError("full")
        self.batches_left -= 1
        self.lines += lines

    def close(self):
        self.closed = True


def test_a_sink_gets_lines_and_none_of_a_chunk_twice_after_a_failure(monkeypatch):
    monkeypatch.setattr("pgward.audit.sinks.sink.MOST_LINES", 2)
    sink = FakeSink()
    target = SinkTarget("s", sink)
    sink.batches_left = 1
    with pytest.raises(SinkError):
        target.deliver(entry(7), CHUNK.data)
    assert sink.lines == LINES[:2]
    sink.batches_left = 10
    assert target.deliver(entry(7), CHUNK.data) == 7
    assert sink.lines == LINES
    assert target.deliver(entry(8), CHUNK.data) == 8
    assert sink.lines == LINES + LINES
    target.close()
    assert sink.closed


def test_cursors_of_targets_that_are_not_wanted_any_more_go(tmp_path):
    for name, number in (("ca", 4), ("old", 9)):
        (tmp_path / f"cursor-{name}").write_text(f"{number}\n")
    assert tidy_cursors(tmp_path, {"ca", "new"}) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["cursor-ca"]
    (tmp_path / "cursor-ca").write_text("torn")
    assert read_cursor(tmp_path / "cursor-ca") == 0


@pytest.mark.parametrize("error", [UnacceptableError("no record"), ChunkError("it is damaged")])
def test_what_is_refused_for_good_is_set_aside_and_the_rest_is_delivered(
    deliverer, target, shelf, caplog, error
):
    target.problems = [error]
    while deliverer.once():
        pass
    assert (target.taken, deliverer.cursor, deliverer.problem) == ([2, 3], 3, None)
    (name,) = shelf.refused.names
    assert read_chunk(shelf.refused.path(name)) == (entry(1), CHUNK.data)
    (line,) = caplog.messages
    where = shelf.refused.path(name)
    assert line == (
        f"target refuses chunk 1 for good, which is kept as {where}, and goes on without it:"
        f" {error.message}"
    )


def test_a_chunk_whose_file_is_damaged_holds_nobody_up(deliverer, target, shelf, tmp_path):
    (tmp_path / "000000000002.chunk").write_bytes(b"{torn")
    while deliverer.once():
        pass
    assert target.taken == [1, 3]
    assert shelf.refused.names == ["000000000002"]


def test_a_chunk_waits_while_it_cannot_be_set_aside(deliverer, target, shelf):
    target.problems = [UnacceptableError("no"), UnacceptableError("no")]
    shelf.refused.directory.write_text("in the way")
    with pytest.raises(StorageError):
        deliverer.once()
    assert deliverer.cursor == 0
    shelf.refused.directory.unlink()
    assert deliverer.once()
    assert (deliverer.cursor, len(shelf.refused)) == (1, 1)


@pytest.fixture
def moments():
    """What a clock shows, one after the other: each failure looks twice at it, or three times."""
    return {"now": 0.0}


@pytest.fixture
def patient(shelf, target, tmp_path, moments):
    """A deliverer whose time passes as a test says."""

    def fails(times, seconds):
        for _ in range(times):
            moments["now"] += seconds / times
            with pytest.raises(FaultError):
                made.once()

    made = Deliverer(target, shelf, tmp_path, Patience(lambda: moments["now"]))
    made.fails = fails
    return made


def test_a_chunk_at_which_the_target_fails_for_long_is_set_aside(
    patient, target, shelf, moments, caplog
):
    target.fails = {1}
    patient.fails(FAILURES + 5, SECONDS)
    moments["now"] += 120
    assert patient.once()
    assert (patient.cursor, shelf.refused.names) == (1, ["00112233445566ff-000000000000000001"])
    why = "it failed 16 times in 16 minutes: the authority failed unexpectedly (0a0f)"
    assert shelf.refused.told(shelf.refused.names[0]) == {"target": why}
    assert f"and goes on without it: {why}" in caplog.text
    while patient.once():
        pass
    assert target.taken == [2, 3]


@pytest.mark.parametrize(("times", "seconds"), [(FAILURES - 2, 9 * SECONDS), (200, SECONDS - 1)])
def test_it_is_tried_often_and_for_long(patient, target, times, seconds):
    target.fails = {1}
    patient.fails(times, seconds)
    target.fails = set()
    assert patient.once()
    assert target.taken == [1]


def fail():
    raise UnavailableError("the CA is away")


@pytest.mark.parametrize("behind", [lambda: False, fail])
def test_a_target_that_fails_at_all_gets_all_when_it_works_again(
    patient, target, shelf, moments, behind
):
    target.fails, target.behind = {1, 2, 3}, behind
    patient.fails(3 * FAILURES, 50 * SECONDS)
    assert (shelf.refused.names, moments["now"]) == ([], 50 * SECONDS)
    target.fails = set()
    while patient.once():
        pass
    assert target.taken == [1, 2, 3]


def test_a_failure_of_the_same_kind_is_told_once(deliverer, target, caplog):
    target.problems = [FaultError(f"failed ({number}f)") for number in range(3)]
    deliverer.start()
    eventually(lambda: deliverer.cursor == 3)
    assert sum("failed (" in each for each in caplog.messages) == 1
