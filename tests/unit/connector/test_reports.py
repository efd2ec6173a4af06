import json
import threading

import pytest

from pgward.connector import reports as module
from pgward.connector.reports import PLACE, Reports
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from tests.fixtures.waiting import eventually


class Ca:
    def __init__(self):
        self.taken, self.answers = [], []
        self.offered = threading.Semaphore(0)

    def send(self, report):
        self.offered.release()
        if self.answers:
            answer = self.answers.pop(0)
            if answer is not None:
                raise answer
        self.taken.append(report)

    @property
    def numbers(self):
        return [each["n"] for each in self.taken]


@pytest.fixture
def ca():
    return Ca()


def on_disk(directory):
    return sorted(each.name for each in (directory / PLACE).iterdir())


def test_reports_are_sent_in_their_order_and_each_has_an_id(tmp_path, ca):
    reports = Reports(tmp_path, ca.send)
    for n in range(3):
        reports.add({"n": n})
    assert reports.waiting == 3
    reports.deliver()
    assert (ca.numbers, reports.waiting, on_disk(tmp_path)) == ([0, 1, 2], 0, [])
    assert len({each["id"] for each in ca.taken}) == 3


def test_they_survive_the_process(tmp_path, ca):
    Reports(tmp_path, ca.send).add({"n": 0})
    reports = Reports(tmp_path, ca.send)
    reports.add({"n": 1})
    reports.deliver()
    assert ca.numbers == [0, 1]


@pytest.mark.parametrize("error", [UnavailableError("away"), DeniedError("unknown")])
def test_they_wait_while_the_authority_is_away(tmp_path, ca, error):
    reports = Reports(tmp_path, ca.send)
    reports.add({"n": 0})
    ca.answers = [error]
    with pytest.raises(type(error)):
        reports.deliver()
    assert reports.waiting == 1
    reports.deliver()
    assert ca.numbers == [0]


@pytest.mark.parametrize("kind", [NotFoundError, InvalidInputError, ConflictError])
def test_what_is_never_taken_holds_up_no_other(tmp_path, ca, kind, caplog):
    reports = Reports(tmp_path, ca.send)
    reports.add({"n": 0, "integration": "gone"})
    reports.add({"n": 1})
    ca.answers = [kind("no such integration")]
    reports.deliver()
    assert (ca.numbers, on_disk(tmp_path)) == ([1], [])
    assert "the CA does not take a report (no such integration)" in caplog.text
    assert "gone" in caplog.text


def test_a_damaged_file_is_left_out(tmp_path, ca, caplog):
    reports = Reports(tmp_path, ca.send)
    reports.add({"n": 0})
    reports.add({"n": 1})
    (tmp_path / PLACE / "0000000000000001.json").write_text("{")
    reports.deliver()
    assert ca.numbers == [1]
    assert "cannot be read, and is left out" in caplog.text


def test_the_oldest_go_where_there_are_too_many(tmp_path, ca, caplog):
    reports = Reports(tmp_path, ca.send, most=2)
    for n in range(4):
        reports.add({"n": n})
    reports.deliver()
    assert ca.numbers == [2, 3]
    assert caplog.text.count("the oldest goes") == 2


def test_a_full_disk_stops_nobody(tmp_path, ca, caplog):
    reports = Reports(tmp_path, ca.send)
    (tmp_path / PLACE).rmdir()
    reports.add({"n": 0})
    assert "a report cannot be kept" in caplog.text


def test_the_thread_tries_again_until_it_is_taken(tmp_path, ca, monkeypatch):
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.001)
    ca.answers = [UnavailableError("away"), ZeroDivisionError("odd"), None]
    reports = Reports(tmp_path, ca.send)
    reports.start()
    reports.add({"n": 0})
    eventually(lambda: ca.numbers == [0])
    eventually(lambda: reports.problem is None)
    reports.stop()


def test_stopping_delivers_what_there_is_and_waits_for_nobody(tmp_path, ca):
    reports = Reports(tmp_path, ca.send)
    reports.start()
    ca.answers = [UnavailableError("away")] * 1000
    reports.add({"n": 0})
    assert ca.offered.acquire(timeout=20)
    reports.stop()
    assert json.loads((tmp_path / PLACE / on_disk(tmp_path)[0]).read_text())["n"] == 0
