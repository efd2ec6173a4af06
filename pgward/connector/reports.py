"""Reports to the CA: on disk first, one file each, in their order, until the CA has taken them.

A report may come twice; its ``id`` says that it is the same one.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pgward.core.errors import (
    DeniedError,
    FaultError,
    LoginNeededError,
    PgwardError,
    UnavailableError,
)
from pgward.system.files import atomic_write, private_dir, read_regular, storage_errors

log = logging.getLogger("pgward.connector")

PLACE: Final = "reports"
MOST_WAITING: Final = 20_000
"""Files that wait for the CA; where there are more, the oldest go, and the log says so."""
SHORTEST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
_MOST_BYTES: Final = 4 * 1024 * 1024
# The CA is away, or knows us no more: what it should know waits for it.
_LATER: Final = (UnavailableError, FaultError, DeniedError, LoginNeededError)

Send = Callable[[Mapping[str, Any]], None]


class Reports:
    """Takes reports from any thread, and delivers them from one of its own."""

    def __init__(self, directory: Path, send: Send, *, most: int = MOST_WAITING) -> None:
        self._directory = private_dir(directory / PLACE)
        self._send = send
        self._most = most
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiting = sorted(int(each.stem) for each in self._files())
        self._next = self._waiting[-1] + 1 if self._waiting else 1
        self.problem: str | None = None

    @property
    def waiting(self) -> int:
        """How many the CA does not have yet."""
        return len(self._waiting)

    def add(self, body: Mapping[str, Any]) -> None:
        """Put one on disk, and have it sent soon; a full disk is logged, and stops nobody."""
        report = {"id": uuid.uuid4().hex, **body}
        with self._lock:
            number = self._next
            try:
                data = json.dumps(report, separators=(",", ":")).encode()
                atomic_write(self._path(number), data)
            except PgwardError as error:
                log.error("a report cannot be kept (%s): %s", error, _shown(report))
                return
            self._next += 1
            self._waiting.append(number)
            self._make_room()
        self._arrived.set()

    def start(self) -> None:
        """Deliver from now on, what an earlier process left first."""
        self._arrived.set()
        self._thread = threading.Thread(target=self._run, name="pgward-reports", daemon=True)
        self._thread.start()

    def retry(self) -> None:
        """Try again now: the CA is back."""
        self._arrived.set()

    def stop(self, seconds: float = 5.0) -> None:
        """Deliver what there is, if the CA takes it now, and nothing further."""
        self._stopping.set()
        self._arrived.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def deliver(self) -> None:
        """Send all that is on disk, the oldest first; raise PgwardError when the CA is away."""
        while self._waiting:
            number = self._waiting[0]
            report = _read(self._path(number))
            if report is not None:
                self._offer(report)
            self._forget(number)

    def _offer(self, report: Mapping[str, Any]) -> None:
        try:
            self._send(report)
        except _LATER:
            raise
        except PgwardError as error:
            # Sent again it would be refused again, and hold up all that follow.
            log.error("the CA does not take a report (%s): %s", error, _shown(report))

    def _run(self) -> None:
        pause = SHORTEST_PAUSE
        while True:
            self._arrived.wait()
            self._arrived.clear()
            try:
                self.deliver()
                pause, self.problem = SHORTEST_PAUSE, None
            except Exception as error:  # a thread that ended would deliver no report again
                if not isinstance(error, (PgwardError, OSError)):
                    log.exception("reports wait")
                self.problem = str(error)
                if not self._stopping.is_set():
                    self._arrived.wait(pause)
                    self._arrived.set()
                pause = min(2 * pause, LONGEST_PAUSE)
            if self._stopping.is_set():
                return

    def _make_room(self) -> None:
        while len(self._waiting) > self._most:
            oldest = self._waiting[0]
            log.error("too many reports wait for the CA: the oldest goes")
            self._remove(oldest)

    def _forget(self, number: int) -> None:
        with self._lock:
            self._remove(number)

    def _remove(self, number: int) -> None:
        if number in self._waiting[:1]:
            self._waiting.pop(0)
        with storage_errors(self._path(number), "remove"):
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:016d}.json"

    def _files(self) -> list[Path]:
        return [each for each in self._directory.glob("*.json") if each.stem.isdecimal()]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_regular(path, _MOST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.error("%s cannot be read, and is left out: %s", path, error)
        return None
    return found if isinstance(found, dict) else None


def _shown(report: Mapping[str, Any]) -> str:
    return json.dumps({name: report.get(name) for name in ("integration", "grants", "health")})
