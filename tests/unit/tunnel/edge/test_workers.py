"""The supervisor in a process of its own, with workers that tell through a pipe what they do."""

import os
import signal
import sys
from collections.abc import Callable

import pytest

from pgward.core.errors import ConflictError
from pgward.tunnel.edge import workers
from pgward.tunnel.edge.workers import supervise

PATIENCE = 30
Work = Callable[["Supervisor", int], None]


class Supervisor:
    """``supervise`` in a forked process; ``say`` and ``lines`` join the workers and the test."""

    def __init__(
        self, count: int, work: Work, log_error: Callable[..., None], *, tells_end: bool
    ) -> None:
        self._tells_end = tells_end
        self.reader, self.writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            workers.log.error = lambda *words: log_error(self, *words)
            self._run(count, work)
        os.close(self.writer)
        self._lines = os.fdopen(self.reader)

    def _run(self, count: int, work: Work) -> None:
        code = 99
        try:
            signal.alarm(PATIENCE)  # whatever goes wrong, it ends, and the pipe with it
            code = supervise(count, lambda index: work(self, index), self._on_stop)
        finally:
            os._exit(code)

    def _on_stop(self) -> None:
        if self._tells_end:
            self.say("told to stop")

    def say(self, *words: object) -> None:
        os.write(self.writer, (" ".join(map(str, words)) + "\n").encode())

    def line(self) -> list[str]:
        return self._lines.readline().split()

    def lines(self) -> list[str]:
        """Read until every process has ended."""
        return self._lines.read().splitlines()

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        self._lines.close()


@pytest.fixture
def supervised(monkeypatch):
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.001)
    made = []

    def start(count, work, log_error=lambda *_: None, *, tells_end=False):
        made.append(Supervisor(count, work, log_error, tells_end=tells_end))
        return made[-1]

    yield start
    for each in made:
        each.close()


def wait_for_signals(process: Supervisor, index: int, *, code: int = 0) -> None:
    """Tell of each signal; end at SIGTERM or SIGINT."""
    numbers = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    process.say("ready", index, os.getpid())
    while (number := signal.sigwait(numbers)) == signal.SIGHUP:
        process.say("reload", index)
    process.say("stop", index, signal.Signals(number).name)
    if code:
        raise SystemExit(code)


def test_workers_end_when_nobody_supervises_them_any_more(supervised):
    process = supervised(2, wait_for_signals)
    for _ in range(2):
        process.line()
    process.kill(signal.SIGKILL)
    assert sorted(process.lines()) == ["stop 0 SIGTERM", "stop 1 SIGTERM"]
    assert process.code() == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_worker_runs_and_hears_of_the_end(supervised, number):
    process = supervised(3, wait_for_signals)
    ready = [process.line() for _ in range(3)]
    assert sorted(words[:2] for words in ready) == [["ready", str(i)] for i in range(3)]
    assert len({words[2] for words in ready}) == 3
    process.kill(number)
    assert sorted(process.lines()) == [f"stop {i} {number.name}" for i in range(3)]
    assert process.code() == 0


def test_the_end_is_told_before_the_workers_hear_of_it(supervised):
    process = supervised(1, wait_for_signals, tells_end=True)
    process.line()
    process.kill(signal.SIGHUP)
    assert process.line() == ["reload", "0"]
    process.kill(signal.SIGTERM)
    assert process.lines() == ["told to stop", "stop 0 SIGTERM"]


def test_a_reload_reaches_every_worker_and_ends_none(supervised):
    process = supervised(2, wait_for_signals)
    for _ in range(2):
        process.line()
    process.kill(signal.SIGHUP)
    assert sorted(process.line() for _ in range(2)) == [["reload", "0"], ["reload", "1"]]
    process.kill(signal.SIGTERM)
    assert len(process.lines()) == 2
    assert process.code() == 0


def test_a_worker_that_dies_is_started_again_under_its_number(supervised):
    process = supervised(2, wait_for_signals)
    pids = {words[1]: int(words[2]) for words in (process.line(), process.line())}
    os.kill(pids["1"], signal.SIGKILL)
    ready, index, pid = process.line()
    assert (ready, index) == ("ready", "1")
    assert int(pid) not in pids.values()
    process.kill(signal.SIGTERM)
    assert len(process.lines()) == 2
    assert process.code() == 0


def test_a_worker_that_stops_badly_shows_in_the_exit_code(supervised):
    def work(process, index):
        wait_for_signals(process, index)
        os._exit(3 * index)

    process = supervised(2, work)
    for _ in range(2):
        process.line()
    process.kill(signal.SIGTERM)
    process.lines()
    assert process.code() == 3


def test_workers_that_cannot_live_end_the_whole(supervised):
    def work(process, index):
        process.say("began", index)
        raise ConflictError("the port is taken")

    process = supervised(1, work)
    assert process.lines() == ["began 0"] * workers.MOST_QUICK_DEATHS
    assert process.code() == 1


def test_one_that_cannot_live_does_not_end_those_that_can(supervised):
    def work(process, index):
        if index == 0:
            wait_for_signals(process, index)
            return
        process.say("began")
        os._exit(1)

    process = supervised(2, work)
    seen = [process.line()[0] for _ in range(workers.MOST_QUICK_DEATHS + 2)]
    assert seen.count("began") > workers.MOST_QUICK_DEATHS
    process.kill(signal.SIGTERM)
    assert "stop 0 SIGTERM" in process.lines()
    process.code()


def test_the_pause_grows_and_a_stop_cuts_it_short(supervised, monkeypatch):
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 1000.0)
    monkeypatch.setattr(workers, "MOST_QUICK_DEATHS", 20)
    pauses = (0, 0.01, 0.02, 0.04, 0.08)

    def work(process, index):
        if index == 0:
            wait_for_signals(process, index)

    def tell(process, _text, _index, _code, pause):
        process.say("pause", pause)

    process = supervised(2, work, log_error=tell)
    said = [process.line() for _ in range(len(pauses) + 1)]
    assert [float(words[1]) for words in said if words[0] == "pause"] == pytest.approx(pauses)
    process.kill(signal.SIGTERM)
    assert "stop 0 SIGTERM" in process.lines()
    assert process.code() == 0


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ConflictError("the port is taken"), "worker 0: the port is taken"),
        (ValueError("odd"), "worker 0 broke"),
    ],
)
def test_a_worker_ends_its_process_and_says_why(capfd, problem, said):
    def work(_index):
        raise problem

    pid = os.fork()
    if not pid:
        workers.logging.basicConfig(stream=sys.stderr, force=True)
        workers._be_worker(0, 0.0, work, os.pipe()[0])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert said in capfd.readouterr().err
