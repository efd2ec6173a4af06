"""Audit events of a machine: on disk first, then to the CA until it says that it has them.

One JSON object a line. A file is removed only after the CA has taken every line of it, and
the CA counts an id once: events are delivered at least once and recorded once.
"""

import errno
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any

from pgward.client.claims import claim, leftovers
from pgward.core.errors import PgwardError
from pgward.system.files import private_dir

log = logging.getLogger("pgward.spool")

BATCH = 500
# The CA takes 1 MiB at once. Whoever is refused chooses some of the words: many long ones in one
# request would be refused for ever, and hold up all that follow.
BATCH_BYTES = 768 * 1024
# Events of a moment travel together: a delivery costs the CA a transaction.
GATHER = 1.0
LONGEST_PAUSE = 5.0
# How often to look for what processes have left that ended meanwhile.
LEFTOVERS_SECONDS = 60.0
_SHOWN = 500

Send = Callable[[list[dict[str, Any]]], list[str]]


class Spool:
    """Appends from any thread, delivers from one of its own.

    One spool of a machine ``adopts`` what others left: workers that are no longer started, and
    processes that drained or died. With ``most_bytes`` its files grow no further: the disk is
    another's, too, and an event that finds no room is in the log.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        send: Send,
        *,
        adopts: bool = False,
        most_bytes: int | None = None,
    ) -> None:
        self._directory = private_dir(directory)
        self._most_bytes = most_bytes
        self._adopts = adopts
        self._held = ExitStack()
        self._path = directory / f"{claim(directory, name, self._held)}.jsonl"
        self._sending = self._path.with_suffix(".sending")
        self._send = send
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self._stopping = threading.Event()
        self._file: FileIO | None = None

    def append(self, event: dict[str, Any]) -> None:
        """Put one event on disk; a full disk is logged loudly and stops nobody's session."""
        self.append_line(json.dumps(event, separators=(",", ":")))

    def append_line(self, line: str) -> None:
        """Do the same with an event that is JSON text already."""
        try:
            with self._lock:
                self._write(f"{line}\n".encode())
        except OSError as error:
            log.error("an audit event cannot be kept (%s): %s", error.strerror, line)
        self._arrived.set()

    def start(self) -> threading.Thread:
        """Deliver from now on, what earlier processes left first."""
        self._arrived.set()
        thread = threading.Thread(target=self._run, name="pgward-spool", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Deliver nothing further; what is on disk waits for the next start."""
        self._stopping.set()
        self._arrived.set()
        with self._lock:
            self._close()
        self._held.close()

    def deliver(self) -> None:
        """Send all that is on disk; raise PgwardError or OSError, with nothing lost."""
        while self._take():
            self._send_file(self._sending)
        if self._adopts:
            with leftovers(self._directory) as left:
                for path in left:
                    log.info("delivering what was left in %s", path.name)
                    self._send_file(path)

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as lines:
            for batch in batched(_parsed(lines), BATCH, BATCH_BYTES):
                self._send_all(batch)
        path.unlink(missing_ok=True)

    def _send_all(self, batch: list[dict[str, Any]]) -> None:
        accepted = set(self._send(batch))
        for event in batch:
            if event.get("id") not in accepted:
                # Sent again it would be refused again, and hold up all that follow.
                log.error("the CA does not take an audit event: %s", json.dumps(event))

    def _write(self, line: bytes) -> None:
        # The file stays open: opening it for each event would cost a session a tenth more.
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
            if not _ends_a_line(self._path):
                line = b"\n" + line
        self._check_room(len(line))
        try:
            written = self._file.write(line)
        except OSError:
            self._close()  # opened again, it begins with a line of its own
            raise
        if written != len(line):
            self._close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _check_room(self, more: int) -> None:
        if self._most_bytes is not None and self.waiting_bytes() + more > self._most_bytes:
            raise OSError(errno.EDQUOT, "too many wait for the CA already")

    def waiting_bytes(self) -> int:
        """Return how much is on disk that the CA does not have yet."""
        return sum(_size(path) for path in (self._path, self._sending))

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self) -> bool:
        """Set the events aside that are to be sent; those of a broken delivery come first."""
        with self._lock:
            if self._stopping.is_set():
                return False  # the name may be another process's by now
            if self._sending.exists():
                return True
            if not self._path.exists():
                return False
            self._close()
            self._path.replace(self._sending)
        return True

    def _run(self) -> None:
        pause = GATHER
        while not self._stopping.is_set():
            self._arrived.wait(LEFTOVERS_SECONDS if self._adopts else None)
            self._arrived.clear()
            self._stopping.wait(pause)
            try:
                self.deliver()
                pause = GATHER
            except (PgwardError, OSError) as error:
                log.debug("audit events wait: %s", error)
                pause = self._later(pause)
            except Exception:  # a thread that ended would deliver no event ever again
                log.exception("audit events wait")
                pause = self._later(pause)

    def _later(self, pause: float) -> float:
        self._arrived.set()
        return min(2 * pause, LONGEST_PAUSE)


def batched(
    events: Iterable[tuple[dict[str, Any], int]], most: int, most_bytes: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield events, given with their lengths, in lists of at most so many and so long."""
    batch: list[dict[str, Any]] = []
    length = 0
    for event, more in events:
        if batch and (len(batch) == most or length + more > most_bytes):
            yield batch
            batch, length = [], 0
        batch.append(event)
        length += more
    if batch:
        yield batch


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the events of lines, and how long each is."""
    for line in lines:
        if len(line) > BATCH_BYTES:
            log.error("an audit event is too long for the CA: %s…", line[:_SHOWN])
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the last line of a process that was killed while it wrote
        if isinstance(event, dict):
            yield event, len(line)
