"""Several edge processes on one port: the kernel spreads new connections (SO_REUSEPORT)."""

import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pgward.core.errors import PgwardError

log = logging.getLogger("pgward.edge")

# A worker that lived so long was healthy; the next death is a new story.
HEALTHY_SECONDS = 10.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
# When every worker has died this often in a row, something outside is wrong: whoever
# started the edge must see it end.
MOST_QUICK_DEATHS = 5

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HELD = (*_SIGNALS, signal.SIGCHLD)


def supervise(
    workers: int, work: Callable[[int], None], on_stop: Callable[[], None] = lambda: None
) -> int:
    """Fork ``workers`` processes that run ``work(index)``; return the exit code for the whole.

    A worker that dies is started again, after a growing pause while it dies at once. SIGTERM,
    SIGINT and SIGHUP are passed on; after a stop signal the call returns when every worker
    has ended. It also returns, with a code that is not 0, when no worker can live. Workers whose
    supervisor was killed end as if told to stop: they would keep the port from its successor.
    ``on_stop`` is called here when the workers are told to stop, maybe twice.
    """
    return _Supervisor(workers, work, on_stop).run()


class _Supervisor:
    def __init__(
        self, workers: int, work: Callable[[int], None], on_stop: Callable[[], None]
    ) -> None:
        self._workers = workers
        self._work = work
        self._on_stop = on_stop
        self._children: dict[int, tuple[int, float]] = {}  # pid → index, when it was started
        self._quick_deaths: Counter[int] = Counter()
        self._stopping = False
        self._worst = 0
        # Nobody writes: the other end of it is closed when this process has died.
        self._life, self._ours = os.pipe()

    def run(self) -> int:
        # Held and taken one by one: a handler that runs just before a wait does not end it.
        with _signals_held():
            for index in range(self._workers):
                self._start(index)
            while self._children:
                number = signal.sigwait(_HELD)
                if number == signal.SIGCHLD:
                    self._reap()
                else:
                    self._forward(number)
        for end in (self._life, self._ours):
            os.close(end)
        return self._worst

    def _forward(self, number: int) -> None:
        if number != signal.SIGHUP:
            self._stopping = True
            self._on_stop()
        for pid in self._children:
            with suppress(ProcessLookupError):  # it has just ended, and is noticed next
                os.kill(pid, number)

    def _reap(self) -> None:
        for pid in tuple(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._ended(pid, os.waitstatus_to_exitcode(status))

    def _start(self, index: int, pause: float = 0.0) -> None:
        pid = os.fork()
        if not pid:
            os.close(self._ours)
            _be_worker(index, pause, self._work, self._life)
        self._children[pid] = index, time.monotonic() + pause

    def _ended(self, pid: int, code: int) -> None:
        index, started = self._children.pop(pid)
        if self._stopping:
            # One that had no handler yet when it was told to stop has obeyed, too.
            self._worst = max(self._worst, 0 if -code in _SIGNALS else abs(code))
            return
        if time.monotonic() - started >= HEALTHY_SECONDS:
            self._quick_deaths[index] = 0
        deaths = self._quick_deaths[index]
        self._quick_deaths[index] += 1
        if self._hopeless():
            log.error("worker %d ended with %d, as all do again and again: giving up", index, code)
            self._worst = max(1, abs(code))
            self._forward(signal.SIGTERM)
            return
        pause = min(FIRST_PAUSE * 2 ** (deaths - 1), LONGEST_PAUSE) if deaths else 0.0
        log.error("worker %d ended with %d and is started again in %g s", index, code, pause)
        self._start(index, pause)

    def _hopeless(self) -> bool:
        now = time.monotonic()
        if any(now - started >= HEALTHY_SECONDS for _, started in self._children.values()):
            return False
        return all(self._quick_deaths[i] >= MOST_QUICK_DEATHS for i in range(self._workers))


@contextmanager
def _signals_held() -> Iterator[None]:
    for number in _HELD:  # one that is ignored would never be seen
        signal.signal(number, lambda *_: None)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _end_with(life: int) -> None:
    """Have this process told to stop when the one that forked it is gone."""

    def wait() -> None:
        os.read(life, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="pgward-supervisor", daemon=True).start()


def _be_worker(index: int, pause: float, work: Callable[[int], None], life: int) -> None:
    """Run ``work`` in the forked process, and end the process whatever happens."""
    code = 1
    try:
        _end_with(life)
        for number in _HELD:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
        time.sleep(pause)
        work(index)
        code = 0
    except PgwardError as error:
        log.error("worker %d: %s", index, error.message)
    except Exception:  # the process ends below without Python's own report
        log.exception("worker %d broke", index)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
