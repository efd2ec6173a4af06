"""Chunks on their way to one target, at its own pace: a thread, a cursor on disk, and patience."""

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from pgward.audit.chain.chunk import ChunkError, unpack
from pgward.audit.sinks.sink import Sink, SinkError, batches
from pgward.core.errors import FaultError, PgwardError, UnacceptableError
from pgward.system.files import StorageError, atomic_write, storage_errors
from pgward.tunnel.edge.auditor.patience import Patience
from pgward.tunnel.edge.auditor.shelf import DamagedChunkError, Entry, Shelf

log = logging.getLogger("pgward.auditor")

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
_PREFIX = "cursor-"
# Seconds, and the numbers under which the CA's log has more: without them it is the same problem.
_NUMBERS: Final = re.compile(r"\b[0-9a-f]*[0-9][0-9a-f]*\b")
# What no later attempt mends: the chunk is set aside, and those behind it are delivered.
_FOR_GOOD = (UnacceptableError, ChunkError, DamagedChunkError)


class Target(Protocol):
    """Takes chunks in order; ``name`` is its cursor's."""

    name: str

    def deliver(self, entry: Entry, data: bytes) -> int:
        """Deliver a chunk; return the number of the chunk behind which to go on.

        Raises PgwardError or OSError, and is asked again later; after UnacceptableError, ChunkError
        or DamagedChunkError for the next one, and after FaultError for that in the end, too.
        """
        ...

    def works_behind(self, number: int) -> bool:
        """Tell whether it does its work for what comes behind a chunk; raise as ``deliver``."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class SinkTarget:
    """A sink as a target; what it took of a chunk before it failed is not sent again."""

    def __init__(self, name: str, sink: Sink) -> None:
        self.name = name
        self._sink = sink
        self._number = self._taken = 0

    def deliver(self, entry: Entry, data: bytes) -> int:
        """Deliver the chunk's lines in batches."""
        if self._number != entry.number:
            self._number, self._taken = entry.number, 0
        for batch in batches(unpack(data)[self._taken :]):
            self._sink.deliver(batch)
            self._taken += len(batch)
        return entry.number

    def works_behind(self, number: int) -> bool:
        """Tell nothing: a sink's failures are never a chunk's."""
        del number
        return False

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()


class Deliverer:
    """Delivers in a thread; ``problem`` and ``error``: why the last attempt failed, or None."""

    def __init__(
        self, target: Target, shelf: Shelf, place: Path, patience: Patience | None = None
    ) -> None:
        self.name = target.name
        self.problem: str | None = None
        self.error: Exception | None = None
        self._target = target
        self._shelf = shelf
        self._patience = patience or Patience()
        self._path = place / f"{_PREFIX}{target.name}"
        self._cursor = read_cursor(self._path)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pgward-{target.name}", daemon=True)

    @property
    def cursor(self) -> int:
        """The number of the last chunk that the target has."""
        return self._cursor

    def start(self) -> None:
        """Begin with what is there."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Deliver nothing further; wait a little for what is on its way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def give_up(self, upto: int) -> None:
        """Count chunks as delivered that the target never gets."""
        with self._lock:
            self._move(max(self._cursor, upto))

    def once(self) -> bool:
        """Deliver the next chunk if there is one; tell whether there was. Raises as targets do."""
        number = self._shelf.behind(self._cursor)
        if number is None:
            return False
        try:
            after = self._target.deliver(*self._shelf.load(number))
        except _FOR_GOOD as error:
            self._set_aside(number, error.message)
            after = number
        except FaultError as error:
            if not (self._patience.failed(number) and self._works_behind(number)):
                raise
            self._set_aside(number, f"it failed {self._patience}: {error.message}")
            self._patience.set_aside()
            after = number
        else:
            self._patience.delivered()
        with self._lock:
            given_up = self._cursor >= number
            if not given_up:
                self._move(after)
        return True

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            if self._shelf.wait(self._cursor) is None:
                break
            pause = self._try(self.once, pause)
        self._target.close()

    def _try(self, act: Callable[[], object], pause: float) -> float:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the thread must go on; it tells
            self._failed(error)
            self._stopping.wait(pause)
            return LONGEST_PAUSE if _is_hopeless(error) else min(2 * pause, LONGEST_PAUSE)
        if self.problem is not None:
            log.info("%s takes records again", self.name)
            self.problem = self.error = None
        return FIRST_PAUSE

    def _failed(self, error: Exception) -> None:
        self.error = error
        text, before = str(error) or type(error).__name__, self.problem
        self.problem = text
        if before is not None and _NUMBERS.sub("", text) == _NUMBERS.sub("", before):
            return
        hint = f"; {error.hint}" if isinstance(error, PgwardError) and error.hint else ""
        number = self._shelf.behind(self._cursor)
        log.warning(
            "%s does not take records, which wait from chunk %s on: %s%s",
            *(self.name, number, text, hint),
        )
        if not isinstance(error, PgwardError | OSError):
            log.error("this is a fault of pgward's", exc_info=error)

    def _works_behind(self, number: int) -> bool:
        try:
            return self._target.works_behind(number)
        except (PgwardError, OSError) as error:
            log.debug("%s fails at what comes behind, too: %s", self.name, error)
            return False

    def _set_aside(self, number: int, why: str) -> None:
        where = self._shelf.set_aside(number, self.name, why)
        log.error(
            "%s refuses chunk %d for good, which is kept as %s, and goes on without it: %s",
            *(self.name, number, where, why),
        )

    def _move(self, number: int) -> None:
        self._cursor = number
        try:
            atomic_write(self._path, b"%d\n" % number)
        except StorageError as error:  # what the target has already it gets again after a restart
            log.debug("%s", error.message)


def read_cursor(path: Path) -> int:
    """Return the number in a cursor's file, 0 when there is none."""
    with storage_errors(path, "read"):
        text = path.read_bytes() if path.exists() else b""
    return int(text) if text.strip().isdigit() else 0


def tidy_cursors(place: Path, names: set[str]) -> int:
    """Remove the cursors of targets that are no longer wanted; return the highest of them all."""
    highest = 0
    for path in place.glob(f"{_PREFIX}*"):
        highest = max(highest, read_cursor(path))
        if path.name.removeprefix(_PREFIX) not in names and path.suffix != ".tmp":
            log.info("%s is no longer a target of records", path.name.removeprefix(_PREFIX))
            path.unlink()
    return highest


def _is_hopeless(error: Exception) -> bool:
    return isinstance(error, SinkError) and not error.retryable
