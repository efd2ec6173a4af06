"""The tapes below an edge's directory."""

import json
import shutil
from pathlib import Path

from pgward.audit.records.joining import Joiner
from pgward.audit.tape import segments
from pgward.audit.tape.reader import TapeReader
from pgward.audit.tape.writer import MOST_SEGMENTS, SEGMENT_SIZE
from pgward.tunnel.edge.auditor.checkpoint import Mark
from pgward.tunnel.edge.auditor.shelf import Chained
from pgward.tunnel.edge.auditor.tapes import Tape


class TapeFiles:
    """Finds the tapes of an edge's workers, those of earlier starts as well.

    ``run`` is what the names of our edge's own begin with. Those of another run are left to its own
    auditor, which has the key of their answers, while somebody writes them: one edge may still
    drain while its successor serves.
    """

    def __init__(self, directory: Path, edge: str, run: str = "") -> None:
        self._directory = directory
        self._edge = edge
        self._run = run

    def boots(self) -> list[str]:
        """Return the names of the tapes that are there, and for us to read."""
        return [
            boot
            for boot in segments.boots(self._directory)
            if boot.startswith(self._run) or not segments.is_written(self._path(boot))
        ]

    def open(self, boot: str, mark: Mark | None, chained: Chained) -> Tape:
        """Open one where it was left."""
        reader = TapeReader(self._path(boot), 0 if mark is None else mark.position)
        if mark is None:
            joiner = Joiner(boot, self._edge)
        else:
            # A copy: the mark may have to be saved again while the joiner goes on from it.
            joiner = Joiner.restore(boot, self._edge, json.loads(json.dumps(mark.joiner)))
        return Tape(boot, reader, joiner, chained)

    @property
    def pressing(self) -> int:
        """How many tapes are half full."""
        return sum(
            segments.fill(self._path(boot), MOST_SEGMENTS, SEGMENT_SIZE).is_pressing
            for boot in self.boots()
        )

    def remove(self, boot: str) -> None:
        """Remove one that is done, if it is still there."""
        shutil.rmtree(self._path(boot), ignore_errors=True)

    def _path(self, boot: str) -> Path:
        return self._directory / segments.DIRECTORY / boot
