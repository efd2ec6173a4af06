"""Several edge processes on one port: the kernel spreads new connections (SO_REUSEPORT)."""

import logging
import os
import signal
import sys
from collections.abc import Callable

log = logging.getLogger("pgward.edge")


def supervise(workers: int, work: Callable[[int], None]) -> int:
    """Fork ``workers`` processes that run ``work(index)``; return the exit code for the whole.

    A worker that dies is started again. SIGTERM, SIGINT and SIGHUP are passed on; after a
    stop signal the call returns when every worker has ended.
    """
    children: dict[int, int] = {}
    stopping = False

    def forward(number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = stopping or number != signal.SIGHUP
        for pid in tuple(children):
            os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    for index in range(workers):
        children[_fork(index, work)] = index
    worst = 0
    while children:
        pid, status = os.wait()
        index = children.pop(pid, -1)
        code = os.waitstatus_to_exitcode(status)
        if index >= 0 and not stopping:
            log.error("worker %d ended with %d and is started again", index, code)
            children[_fork(index, work)] = index
        elif code:
            worst = max(worst, abs(code))
    return worst


def _fork(index: int, work: Callable[[int], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        work(index)
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
