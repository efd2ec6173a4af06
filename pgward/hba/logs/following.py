"""Read on in a server's log, over rotations, truncations and restarts.

A batch of events comes with the position behind them; who has them safe commits it. What was not
committed is read again, and has the same ids. Memory is bounded by a chunk and a message.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgward.audit.events import AuditEvent
from pgward.hba.logs import places
from pgward.hba.logs.events import Certificates, EventMaker
from pgward.hba.logs.joining import Attempt, Joiner
from pgward.hba.logs.places import Place, Reader
from pgward.hba.logs.position import HEAD, Position, digest, new_key, siblings
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.disk import DiskError, acting_as
from pgward.system.postgres import Account

CHUNK = 256 * 1024
BATCH_CHUNKS = 16
_QUIET = 1.0  # seconds after which a message is taken for whole


@dataclass(frozen=True, slots=True)
class Batch:
    """Events, and where the log was read to; ``more`` when there is more to read now."""

    events: tuple[AuditEvent, ...]
    position: Position | None
    more: bool = False


class Follower:
    """Follows the log of one server; the account that owns the server must be able to read it."""

    def __init__(
        self,
        place: Callable[[], Place],
        account: Account,
        host: str,
        *,
        start: Position | None = None,
        from_end: bool = False,
        certificates: Certificates | None = None,
    ) -> None:
        self._place = place
        self._account = account
        self._start = start
        self._from_end = from_end
        self._maker = EventMaker(host, "", certificates)
        self._joiner = Joiner.from_json(start.joiner if start else {})
        self._descriptor: int | None = None
        self._path = Path()
        self._reader: Reader | None = None
        self._offset = 0
        self._head = (0, "")  # how the file begins: another beginning is another file
        self.lost = False  # whether the file that was read last is gone

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self, now: datetime) -> Batch:
        """Return what came since the last call; raise DiskError when the log cannot be read."""
        if self._descriptor is None and not self._open_first():
            return Batch((), None)
        events: list[AuditEvent] = []
        more = True
        self._restart_if_truncated(events, now)
        for _ in range(BATCH_CHUNKS):
            if not self._chunk(events, now):
                more = self._next(events, now)
                break
        self._emit(events, self._joiner.settle(now), now)
        return Batch(tuple(events), self.position(), more)

    @property
    def waits(self) -> bool:
        """Whether a login was read that is told in a moment."""
        return self._joiner.waits

    def finish(self, now: datetime) -> list[AuditEvent]:
        """Return what is still held back, when nothing further will be read."""
        events: list[AuditEvent] = []
        self._finish(events, now)
        self._emit(events, self._joiner.end(), now)
        summary = self._maker.summary(self._offset, now)
        return events if summary is None else [*events, summary]

    def position(self) -> Position:
        """Return where all that was given out ends."""
        descriptor, reader = self._descriptor, self._reader
        if descriptor is None or reader is None:
            raise ValueError("nothing was read yet")
        offset = reader.position
        size = min(HEAD, offset)
        return Position(
            str(self._path),
            os.fstat(descriptor).st_ino,
            offset,
            self._maker.key,
            digest(descriptor, size),
            size,
            self._joiner.to_json(),
        )

    def _chunk(self, events: list[AuditEvent], now: datetime) -> bool:
        """Read one chunk; tell whether there was anything."""
        descriptor, reader = self._descriptor, self._reader
        if descriptor is None or reader is None:
            return False
        data = os.pread(descriptor, CHUNK, self._offset)
        if not data:
            return False
        self._offset += len(data)
        if self._head[0] < HEAD:
            size = min(HEAD, self._offset)
            self._head = (size, digest(descriptor, size))
        for record in reader.feed(data):
            self._emit(events, self._joiner.feed(record), now)
        return True

    def _emit(self, events: list[AuditEvent], attempts: list[Attempt], now: datetime) -> None:
        made = (self._maker.make(each, now) for each in attempts)
        events += [each for each in made if each is not None]

    def _finish(self, events: list[AuditEvent], now: datetime) -> None:
        """Take the last message for whole."""
        if self._reader is not None:
            for record in self._reader.flush():
                self._emit(events, self._joiner.feed(record), now)

    def _next(self, events: list[AuditEvent], now: datetime) -> bool:
        """At the end of a file: look for what comes after it; tell whether there is more."""
        if self._restart_if_truncated(events, now):
            return True
        after = self._successor()
        if after is not None:
            if self._chunk(events, now):  # what came between our last look and the rotation
                return True
            self._finish(events, now)
            self._open(after, 0, new_key())
            return True
        if self._is_quiet(now):
            self._finish(events, now)
            summary = self._maker.summary(self._offset, now)
            events += [] if summary is None else [summary]
        return False

    def _is_quiet(self, now: datetime) -> bool:
        """Tell whether nothing was written for a while."""
        if self._descriptor is None:
            return False
        return now.timestamp() - os.fstat(self._descriptor).st_mtime >= _QUIET

    def _restart_if_truncated(self, events: list[AuditEvent], now: datetime) -> bool:
        """Begin at the beginning when the file did; tell whether it did."""
        descriptor = self._descriptor
        if descriptor is None:
            return False
        size, head = self._head
        if os.fstat(descriptor).st_size >= self._offset and digest(descriptor, size) == head:
            return False
        self._finish(events, now)
        self._offset, self._head = 0, (0, digest(descriptor, 0))
        self._maker.key = new_key()
        self._reader = self._place().reader(0)
        return True

    def _successor(self) -> Path | None:
        """Return the file that the server went on in after this one, if it did."""
        place = self._place()
        ours = None if self._descriptor is None else os.fstat(self._descriptor)
        with acting_as(self._account):
            try:
                there = place.path.stat()
            except FileNotFoundError:
                return None  # just renamed: the server makes the new one in a moment
            except OSError as error:
                raise _unreadable(place.path, error) from error
            if ours is not None and there.st_ino == ours.st_ino:
                return None
            if ours is None:
                return place.path
            suffix = place.path.suffix
            later = [
                each
                for each in siblings(place.path)
                if each.suffix == suffix
                and each.stat().st_ino != ours.st_ino
                and each.stat().st_mtime_ns >= ours.st_mtime_ns
            ]
        if place.data_dir is None:
            return place.path  # renamed away: the others beside it are older, or others' logs
        return later[0] if later else place.path

    def _open_first(self) -> bool:
        """Open where an earlier run stopped, or the present file; False when there is none yet."""
        place, start = self._place(), self._start
        if start is not None:
            for path in self._candidates(Path(start.path)):
                descriptor = self._descriptor_of(path)
                if descriptor is None:
                    continue
                if start.is_of(descriptor):
                    self._take(path, descriptor, start.offset, start.key, place)
                    return True
                os.close(descriptor)
            self.lost = True
        descriptor = self._descriptor_of(place.path)
        if descriptor is None:
            return False
        end = os.fstat(descriptor).st_size if self._from_end and start is None else 0
        self._take(place.path, descriptor, end, new_key(), place)
        return True

    def _candidates(self, path: Path) -> list[Path]:
        """Return where the file may be that was read last: it may have another name by now."""
        with acting_as(self._account):
            try:
                others = siblings(path)
            except OSError:
                others = []
        return [path, *(each for each in reversed(others) if each != path)]

    def _open(self, path: Path, offset: int, key: str) -> None:
        descriptor = self._descriptor_of(path)
        if descriptor is not None:
            self._take(path, descriptor, offset, key, self._place())

    def _take(self, path: Path, descriptor: int, offset: int, key: str, place: Place) -> None:
        self.close()
        self._descriptor = descriptor
        self._path, self._offset = path, offset
        size = min(HEAD, offset)
        self._head = (size, digest(descriptor, size))
        self._maker.key = key
        self._reader = place.reader(offset)

    def _descriptor_of(self, path: Path) -> int | None:
        """Open a plain file, as the server's account; None when there is none."""
        with acting_as(self._account):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise _unreadable(path, error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return descriptor


def _unreadable(path: Path, error: OSError) -> DiskError:
    return DiskError(
        f"cannot read the log {path}: {(error.strerror or str(error)).lower()}",
        hint="the account that owns the data directory must be able to read it",
    )


def place_of(data_dir: DataDir, first: Place) -> Callable[[], Place]:
    """Return what tells where the server logs now, asking its files alone."""

    def now() -> Place:
        if first.data_dir is None:
            return first
        found = places.current(data_dir.disk.read(first.data_dir / places.CURRENT_FILE) or b"")
        path = found.get(first.format)
        if path is None:
            return first
        return Place(first.format, first.data_dir / path, first.prefix, first.zone, first.data_dir)

    return now
