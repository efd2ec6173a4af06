"""An edge with a connector inside: a process beside it, started again when it dies."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger("pgward.edge")

HEALTHY_SECONDS: Final = 10.0
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
GRACE_SECONDS: Final = 25.0
"""It ends a turn that is under way, and delivers its reports."""


def command(directory: Path, log_level: str) -> tuple[str, ...]:
    """Return what serves the integrations of the edge that is enrolled in a directory."""
    serve = ("connector", "serve", str(directory), "--log-level", log_level, "--until-eof")
    return (sys.executable, "-m", "pgward", *serve)


class ConnectorChild:
    """Looks after one connector; its standard input is closed when the edge's process ends."""

    def __init__(self, what: Sequence[str]) -> None:
        self._command = what
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._attend, name="pgward-connector", daemon=True)

    def start(self) -> None:
        """Have it run from now on."""
        self._thread.start()

    def end(self, seconds: float = GRACE_SECONDS) -> None:
        """Let it end what it is at; kill it after so long."""
        self._stopping.set()
        with self._lock:
            process = self._process
            if process is not None:
                _hang_up(process)
        self._thread.join(seconds)
        if self._thread.is_alive() and process is not None:
            log.warning("the connector does not end, and is killed")
            process.kill()
            self._thread.join()

    def _attend(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - started >= HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            log.error("the connector ended with %s and is started again in %g s", code, pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _run_once(self) -> int | str:
        with self._lock:
            if self._stopping.is_set():
                return 0
            try:
                # Ctrl-C is for the edge, which tells the connector.
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    process_group=0,
                )
            except OSError as error:
                return str(error)
            self._process = process
        code = process.wait()
        with self._lock:
            _hang_up(process)
            self._process = None
        return code


def _hang_up(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
