"""The attendant with processes that tell through a file what they hear."""

import logging
import os
import signal
import sys

import pytest

from pgward.tunnel.edge.auditor import attendant
from pgward.tunnel.edge.auditor.attendant import Attendant
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from tests.fixtures.waiting import eventually

HEARER = """
import os, sys
with open(sys.argv[1], "a", buffering=1) as said:
    print(os.getpid(), file=said)
    while line := sys.stdin.readline():
        print(line, end="", file=said)
        if line.startswith(sys.argv[2]):
            sys.exit(int(sys.argv[3]))
    print("gone", file=said)
"""


class Heard:
    """An attendant whose process writes down what it hears, and ends with ``code`` at ``word``."""

    def __init__(self, directory, word="end", code=0):
        self.settings = AuditorSettings(directory)
        self.path = directory / "said"
        command = (sys.executable, "-Sc", HEARER, str(self.path), word, str(code))
        self.attendant = Attendant(self.settings, command)

    def lines(self):
        return self.path.read_text().splitlines() if self.path.exists() else []

    def pids(self):
        return [int(line) for line in self.lines() if line.isdigit()]


@pytest.fixture
def heard(tmp_path, monkeypatch):
    monkeypatch.setattr(attendant, "FIRST_PAUSE", 0.001)
    made = []

    def make(*words):
        made.append(Heard(tmp_path, *words))
        return made[-1]

    yield make
    for each in made:
        each.attendant.end(0)


def test_without_need_there_is_no_process(heard):
    idle = heard()
    idle.attendant.look()
    idle.attendant.end(1)
    idle.attendant.need()
    assert idle.lines() == []


def test_it_is_told_how_to_work_and_when_to_end(heard):
    one = heard()
    one.attendant.need()
    one.attendant.need()
    eventually(lambda: len(one.lines()) == 2)
    one.attendant.end(5)
    _, settings, end = one.lines()
    assert AuditorSettings.from_line(settings.encode()) == one.settings
    assert end.startswith(("end 4.", "end 5.0"))


@pytest.mark.parametrize("left", ["tape/0123456789abcdef/000001.tape", "audit/000000000001.chunk"])
def test_what_earlier_processes_left_is_enough_need(heard, tmp_path, left):
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).touch()
    one = heard()
    one.attendant.look()
    eventually(one.pids)


def test_one_that_is_killed_is_started_again(heard, caplog):
    one = heard()
    with caplog.at_level(logging.ERROR):
        one.attendant.need()
        eventually(lambda: len(one.lines()) == 2)
        os.kill(one.pids()[0], signal.SIGKILL)
        eventually(lambda: len(one.lines()) == 4)
    assert len(set(one.pids())) == 2
    assert "the auditor ended with -9 and is started again in 0.001 s" in caplog.text


def test_one_that_does_not_end_is_killed(heard, caplog, monkeypatch):
    monkeypatch.setattr(attendant, "_GRACE_SECONDS", 0.05)
    one = heard("never")
    one.attendant.need()
    eventually(lambda: len(one.lines()) == 2)
    one.attendant.end(0)
    assert "does not end, and is killed" in caplog.text
    assert one.lines()[-1].startswith("end 0.0")


def test_a_program_that_is_missing_is_told_of(tmp_path, caplog):
    one = Attendant(AuditorSettings(tmp_path), [str(tmp_path / "none")])
    one.need()
    eventually(lambda: "No such file" in caplog.text)
    one.end(0)


def test_when_the_edge_dies_the_pipe_closes(tmp_path):
    path, reader = tmp_path / "said", os.pipe()
    if not (pid := os.fork()):
        one = Heard(tmp_path)
        one.attendant.need()
        eventually(lambda: len(one.lines()) == 2)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    for end in reader:
        os.close(end)
    eventually(lambda: path.read_text().endswith("gone\n"))


def test_one_that_is_killed_at_the_end_is_started_once_more(heard):
    one = heard("end", 1)
    one.attendant.need()
    eventually(lambda: len(one.lines()) == 2)
    one.attendant.end(0.3)
    assert len(one.pids()) > 1
    assert [line.split()[0] for line in one.lines() if line.startswith("end")] == ["end"] * len(
        one.pids()
    )
