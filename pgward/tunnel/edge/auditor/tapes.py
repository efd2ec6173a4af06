"""The records of one tape, without those that a killed auditor has chained already."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from pgward.audit.chain.written import Record, Written, id_of
from pgward.audit.tape.frames import Entry
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.auditor.checkpoint import Mark
from pgward.tunnel.edge.auditor.shelf import Chained

log = logging.getLogger("pgward.auditor")

MOST_FRAMES: Final = 2000  # read at once


class Reader(Protocol):
    """Reads the frames of one tape (pgward.audit.tape.reader)."""

    @property
    def position(self) -> int:
        """Where the next frame will be."""
        ...

    @property
    def writer_is_gone(self) -> bool:
        """Whether no more frames will be written."""
        ...

    @property
    def behind(self) -> int:
        """How many bytes are written and not read."""
        ...

    def read(self, most: int) -> Sequence[Entry]:
        """Return the next frames, none when there are none yet."""
        ...

    def delete_before(self, position: int) -> None:
        """Remove the segments that lie before a position."""
        ...

    def remove(self) -> None:
        """Remove the tape."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


class Joiner(Protocol):
    """Makes records of frames (pgward.audit.records.joining)."""

    def join(self, frames: Iterable[Entry]) -> Sequence[Record | Written]:
        """Return the records that frames complete."""
        ...

    def finish(self) -> Sequence[Record]:
        """Return the records of what nobody will answer any more."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Return all that is to be known to go on from here."""
        ...


class Tape:
    """A reader and a joiner; ``chained`` says which records are known to be chained already."""

    def __init__(self, boot: str, reader: Reader, joiner: Joiner, chained: Chained) -> None:
        self.boot = boot
        self.finished = False
        self.moved = False  # whether the last look found anything
        self.pressing = False  # whether it found as much as is read at once
        self._reader = reader
        self._joiner = joiner
        self._left_out = 0
        self._chained = chained

    @property
    def behind(self) -> int:
        """How many bytes are on tape that were not read."""
        return self._reader.behind

    @property
    def repeats(self) -> bool:
        """Whether what comes next is chained already."""
        return not self.finished and self._left_out < self._chained.records

    def records(self) -> list[Record | Written]:
        """Return the next records; an empty list and ``finished`` when there will be no more."""
        gone = self._reader.writer_is_gone  # asked first: what it wrote last is read below
        frames = self._reader.read(MOST_FRAMES)
        made = list(self._joiner.join(frames))
        if gone and not frames and not self.finished:
            made += self._joiner.finish()
            self.finished = True
        self.moved = bool(frames) or self.finished
        self.pressing = len(frames) >= MOST_FRAMES
        return made if self._left_out == self._chained.records else self._new(made)

    def mark(self) -> Mark:
        """Return how far it was read."""
        return Mark(self._reader.position, self._joiner.state())

    def settled(self, position: int) -> None:
        """Hear that all before a position is chained for good."""
        self._left_out, self._chained = 0, Chained(0, "")
        self._reader.delete_before(position)

    def remove(self) -> None:
        """Remove the tape, after it finished; the next start does it if it cannot be now."""
        try:
            self._reader.remove()
        except (PgwardError, OSError) as error:
            log.warning("tape %s is done, and cannot be removed: %s", self.boot, error)
        self._reader.close()

    def close(self) -> None:
        """Let go of its files."""
        self._reader.close()

    def _new(self, made: list[Record | Written]) -> list[Record | Written]:
        """Leave out what is chained already, and see that it was the same."""
        known = min(self._chained.records - self._left_out, len(made))
        self._left_out += known
        if known and self._left_out == self._chained.records:
            found = id_of(made[known - 1])
            if found != self._chained.last:
                log.error(
                    "tape %s gives other records than before: %s where %s was",
                    self.boot, found, self._chained.last,
                )  # fmt: skip
        return made[known:]
