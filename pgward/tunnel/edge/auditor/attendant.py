"""The edge's end: the auditor is started when it is needed, and again when it dies."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from pgward.audit.tape import segments
from pgward.tunnel.edge.auditor.life_line import end_line
from pgward.tunnel.edge.auditor.settings import AuditorSettings

log = logging.getLogger("pgward.edge")

HEALTHY_SECONDS: Final = 10.0
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
_GRACE_SECONDS: Final = (
    10.0  # behind what the auditor was given; then it is killed, and loses nothing
)
_COMMAND: Final = (sys.executable, "-m", "pgward.tunnel.edge.auditor")


class Attendant:
    """Looks after one auditor. An edge without audited services has no process and no thread.

    Of several workers only the first has one: its auditor reads the tapes of them all.
    """

    def __init__(self, settings: AuditorSettings, command: Sequence[str] = _COMMAND) -> None:
        self._settings = settings
        self._command = command
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ends_at = 0.0

    def look(self) -> None:
        """Start the auditor if earlier processes left something for it."""
        left = segments.boots(self._settings.directory)
        if left or any(self._settings.place.glob("*.chunk")):
            self.need()

    def need(self) -> None:
        """Start the auditor unless it runs: call this when a service is audited."""
        if self._thread is None and not self._stopping.is_set():
            self._thread = threading.Thread(target=self._attend, name="pgward-auditor", daemon=True)
            self._thread.start()

    def end(self, seconds: float) -> None:
        """Let the auditor finish in so many seconds what is on tape; wait for its end.

        Call it after this process has closed its own tape. What does not reach the CA by then
        waits on disk.
        """
        self._ends_at = time.monotonic() + seconds
        self._stopping.set()
        with self._lock:
            self._ask_to_end()
        if self._thread is not None:
            self._thread.join(seconds + _GRACE_SECONDS)
            if self._process is not None and self._thread.is_alive():
                log.warning("the auditor does not end, and is killed; its work is on tape")
                self._process.kill()
                self._thread.join()

    def _attend(self) -> None:
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set() and (code == 0 or time.monotonic() >= self._ends_at):
                return
            if time.monotonic() - started >= HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            log.error("the auditor ended with %s and is started again in %g s", code, pause)
            self._wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _wait(self, pause: float) -> None:
        """Wait before the next start; at the end what is on tape has little time."""
        if not self._stopping.wait(pause):
            return
        time.sleep(min(pause, FIRST_PAUSE))

    def _run_once(self) -> int | str:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,  # Ctrl-C is for the edge, which tells the auditor
            )
        except OSError as error:
            return str(error)
        with process:
            with self._lock:
                self._process = process
                _say(process, self._settings.to_line())
                if self._stopping.is_set():
                    self._ask_to_end()
            code = process.wait()
            with self._lock:
                self._process = None
        return code

    def _ask_to_end(self) -> None:
        if self._process is not None:
            _say(self._process, end_line(max(0.0, self._ends_at - time.monotonic())))


def _say(process: "subprocess.Popen[bytes]", line: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(line)
    except BrokenPipeError:
        log.debug("the auditor has just ended")
