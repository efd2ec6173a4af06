"""From tapes to chunks: the auditor's main work, and how it goes on after it was killed.

A chunk is committed by the one rename that makes its file. A checkpoint is written between two
chunks when no record waits: it lets tapes be removed, and it may be costly (it holds what the
joiners know), so it takes a twentieth of the time at most.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from pgward.audit.chain.chunk import Packer
from pgward.audit.chain.head import Head
from pgward.audit.chain.written import Record, Written, id_of, record_in
from pgward.audit.recording import parcel
from pgward.audit.recording.pieces import RESULT
from pgward.audit.recording.recorder import TELLING, Open, Recorder
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.auditor.checkpoint import Checkpoint, Mark
from pgward.tunnel.edge.auditor.rechain import rechained
from pgward.tunnel.edge.auditor.shelf import Chained, Entry, Shelf
from pgward.tunnel.edge.auditor.tapes import Tape

log = logging.getLogger("pgward.auditor")

CHUNK_SECONDS: Final = 1.0  # so old a record may get before its chunk is made
_SHARE: Final = 20.0
_NONE: Final = Chained(0, "")


class Tapes(Protocol):
    """Finds tapes, and opens them where they were left."""

    def boots(self) -> list[str]:
        """Return the names of the tapes that are there."""
        ...

    def open(self, boot: str, mark: Mark | None, chained: Chained) -> Tape:
        """Open one; raise PgwardError or OSError."""
        ...

    def remove(self, boot: str) -> None:
        """Remove one that was finished, if it is still there."""
        ...


class Work:
    """Reads tapes in rounds; ``wait`` is called, with a reason, when the disk takes nothing.

    ``opened`` decrypts answers of recorded sessions (``pgward.audit.tape.answers``).
    It raises to give up: what was not committed is read from the tapes again.
    """

    def __init__(
        self,
        place: Path,
        edge: str,
        tapes: Tapes,
        shelf: Shelf,
        *,
        least_number: int = 1,
        wait: Callable[[str], None],
        opened: Open = lambda _session, data: data,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._edge = edge
        self._source = tapes
        self._shelf = shelf
        self._wait = wait
        self._now = now
        self.records = 0
        self.pressing = False  # whether the last round certainly left something
        self._open: dict[str, Tape] = {}
        self._bad: set[str] = set()
        self._progress: dict[str, Chained]
        self._read_since = False
        self._oldest = now()
        self._last_checkpoint, self._took = now(), 0.0
        self._checkpoint = self._load(least_number)
        self._number = self._checkpoint.number
        self._chained = dict(self._checkpoint.chained)
        self._recorder = Recorder.restore(self._checkpoint.recordings, opened)
        self._head = self._recover()
        self._progress = dict(self._chained)
        self._packer = Packer(self._head)

    @property
    def checkpoint(self) -> Checkpoint:
        """The last one; the chunks before its number need no longer be kept for ourselves."""
        return self._checkpoint

    @property
    def behind(self) -> int:
        """How many bytes are on tape that were not read."""
        return sum(tape.behind for tape in self._open.values())

    @property
    def unreadable(self) -> list[str]:
        """The tapes that cannot be read, and are left as they are until the next start."""
        return sorted(self._bad)

    @property
    def idle(self) -> bool:
        """Whether every tape that can be read has ended and is in chunks."""
        return not (self._open or self._packer or self._recorder or self._to_read())

    def round(self) -> bool:
        """Read a little of every tape; tell whether there was anything."""
        found = self.pressing = False
        for boot in self._to_read():
            tape = self._open.get(boot) or self._begin(boot)
            if tape is None or tape.finished:
                continue
            self._chain(boot, self._records(tape))
            if tape.moved:
                found = self._read_since = True
            self.pressing = self.pressing or tape.pressing
        now = self._now()
        if (self._packer or self._recorder) and now - self._oldest >= CHUNK_SECONDS:
            self._commit()
        if self._checkpoint_is_due(now):
            self.settle()
        return found

    def settle(self) -> None:
        """Commit what was read, write a checkpoint, and let go of what it covers on tape."""
        if self._packer or self._recorder:
            self._commit()
        started = self._now()
        finished = [boot for boot, tape in self._open.items() if tape.finished]
        going = [boot for boot, tape in self._open.items() if not (tape.finished or tape.repeats)]
        made = self._make_checkpoint(finished, going)
        self._patiently(lambda: made.save(self._place))
        self._progress, self._read_since = dict(made.chained), False
        for boot in finished:
            self._open.pop(boot).remove()
        for boot in going:
            self._open[boot].settled(made.tapes[boot].position)
        # What a joiner knew is not kept twice: it shares that with its mark, and changes it.
        left = {boot: mark for boot, mark in made.tapes.items() if boot not in going}
        self._checkpoint = replace(made, tapes=left)
        self._last_checkpoint = self._now()
        self._took = self._last_checkpoint - started

    def begin_chain(self, after: int) -> None:
        """Put what is on the shelf behind this number into a new chain, and go on in that."""
        self.settle()
        head = Head.origin(secrets.token_hex(8))
        for number in self._shelf.numbers:
            if number > after:
                entry, data = self._shelf.load(number)
                again, packed = rechained(entry, data, head)
                self._patiently(partial(self._shelf.add, again, packed))
                head = again.manifest.end
        self._head = head
        self._packer = Packer(head)
        self.settle()

    def close(self) -> None:
        """Let go of the tapes."""
        for tape in self._open.values():
            tape.close()

    def _load(self, least_number: int) -> Checkpoint:
        found = Checkpoint.load(self._place)
        if found is None:
            highest = max(self._shelf.numbers, default=0)
            found = Checkpoint.first(max(highest + 1, least_number))
            self._patiently(partial(found.save, self._place))
        for boot in found.done:
            self._source.remove(boot)
        return found

    def _recover(self) -> Head:
        """Count the chunks since the checkpoint; return where they lead to."""
        head = self._checkpoint.head
        numbers = set(self._shelf.numbers)
        while self._number in numbers:
            entry = self._shelf.entry(self._number)
            if entry.generation != self._checkpoint.generation:
                raise PgwardError(
                    f"chunk {self._number} in {self._place} is not of this checkpoint",
                    hint="was the directory put together from two backups?",
                )
            head, self._chained = entry.manifest.end, dict(entry.progress)
            if made := self._shelf.parcel(self._number):
                for piece in parcel.read(made):
                    self._recorder.made(piece.info)
            self._number += 1
        return head

    def _make_checkpoint(self, finished: list[str], going: list[str]) -> Checkpoint:
        """Return what is to be known: of tapes that are not read yet, or again, it stays."""
        last, there = self._checkpoint, self._source.boots()
        left = [boot for boot in there if boot not in {*finished, *going, *last.done}]
        return Checkpoint(
            last.generation + 1,
            self._head,
            self._number,
            {boot: last.tapes[boot] for boot in left if boot in last.tapes}
            | {boot: self._open[boot].mark() for boot in going},
            (*finished, *(boot for boot in last.done if boot in there)),
            {boot: self._progress[boot] for boot in left if boot in self._progress},
            self._recorder.state(),
        )

    def _to_read(self) -> list[str]:
        """Return the tapes that are there; what is done may only not have been removed yet.

        Also those that somebody has removed under our eyes: what is open can be read on.
        """
        left_out = self._bad.union(self._checkpoint.done)
        there = dict.fromkeys((*self._source.boots(), *self._open))
        return [boot for boot in there if boot not in left_out]

    def _begin(self, boot: str) -> Tape | None:
        mark = self._checkpoint.tapes.get(boot)
        try:
            tape = self._source.open(boot, mark, self._chained.get(boot, _NONE))
        except (PgwardError, OSError) as error:
            self._leave(boot, error)
            return None
        self._chained.pop(boot, None)
        self._open[boot] = tape
        return tape

    def _records(self, tape: Tape) -> list[Record | Written]:
        try:
            return tape.records()
        except Exception as error:  # noqa: BLE001 - whatever it is, other tapes must be read
            self._open.pop(tape.boot).close()
            # As it is saved: what the joiner knew is spoiled now.
            saved = Checkpoint.load(self._place)
            if saved is not None and (mark := saved.tapes.get(tape.boot)) is not None:
                marks = {**self._checkpoint.tapes, tape.boot: mark}
                self._checkpoint = replace(self._checkpoint, tapes=marks)
            self._leave(tape.boot, error)
            return []

    def _leave(self, boot: str, error: Exception) -> None:
        """Leave a tape alone until the next start, so that others' sessions can go on."""
        self._bad.add(boot)
        ours = None if isinstance(error, PgwardError | OSError) else error
        log.error("tape %s cannot be read, and is left as it is: %r", boot, error, exc_info=ours)

    def _chain(self, boot: str, records: list[Record | Written]) -> None:
        if not records:
            return
        before = self._progress.get(boot, _NONE).records
        if not (self._packer or self._recorder):
            self._oldest = self._now()
        recorder, place = self._recorder, 0
        while place < len(records):
            place = self._packer.fill(records, place, recorder.sessions)
            if place < len(records) and not self._packer.full:
                self._take(records[place])
                place += 1
            if self._packer.full or recorder.full:
                self._progress[boot] = Chained(before + place, id_of(records[place - 1]))
                self._commit()
        self._progress[boot] = Chained(before + len(records), id_of(records[-1]))
        self.records += len(records)

    def _take(self, record: Record | Written) -> None:
        """Chain one record that is of a recorded session, or is not written yet."""
        told = record_in(record) if isinstance(record, tuple) else record
        kind = told["type"]
        if kind in TELLING or self._recorder.runs:
            self._recorder.take(told)
        if isinstance(record, tuple):
            self._packer.add_json(record[0], told)
        elif kind != RESULT:
            self._packer.add(record)

    def _commit(self) -> None:
        pieces = self._recorder.cut() if self._recorder else []
        for piece in pieces:
            self._packer.add(piece.info.to_record())
        parcels = parcel.pack(pieces) if pieces else b""
        chunk = self._packer.pack(self._edge)
        generation = self._checkpoint.generation
        entry = Entry(self._number, generation, dict(self._progress), chunk.manifest)
        self._patiently(lambda: self._shelf.add(entry, chunk.data, parcels))
        self._number += 1
        self._head = chunk.manifest.end
        self._packer = Packer(self._head)
        self._oldest = self._now()

    def _checkpoint_is_due(self, now: float) -> bool:
        if not self._read_since or any(tape.repeats for tape in self._open.values()):
            return False
        if any(tape.finished for tape in self._open.values()):
            return True
        return now - self._last_checkpoint >= max(CHUNK_SECONDS, _SHARE * self._took)

    def _patiently(self, write: Callable[[], None]) -> None:
        """Write to the disk, as often as it takes: what was read must not get lost."""
        while True:
            try:
                return write()
            except (PgwardError, OSError) as error:
                self._wait(str(error))
