"""The tapes below an edge's directory."""

import json
import shutil
from pathlib import Path

from pgward.audit.records.joining import Joiner
from pgward.audit.tape import segments
from pgward.audit.tape.reader import TapeReader
from pgward.tunnel.edge.auditor.checkpoint import Mark
from pgward.tunnel.edge.auditor.shelf import Chained
from pgward.tunnel.edge.auditor.tapes import Tape


class TapeFiles:
    """Finds the tapes of an edge's workers, those of earlier starts as well."""

    def __init__(self, directory: Path, edge: str) -> None:
        self._directory = directory
        self._edge = edge

    def boots(self) -> list[str]:
        """Return the names of the tapes that are there."""
        return segments.boots(self._directory)

    def open(self, boot: str, mark: Mark | None, chained: Chained) -> Tape:
        """Open one where it was left."""
        reader = TapeReader(self._path(boot), 0 if mark is None else mark.position)
        if mark is None:
            joiner = Joiner(boot, self._edge)
        else:
            # A copy: the mark may have to be saved again while the joiner goes on from it.
            joiner = Joiner.restore(boot, self._edge, json.loads(json.dumps(mark.joiner)))
        return Tape(boot, reader, joiner, chained)

    def remove(self, boot: str) -> None:
        """Remove one that is done, if it is still there."""
        shutil.rmtree(self._path(boot), ignore_errors=True)

    def _path(self, boot: str) -> Path:
        return self._directory / segments.DIRECTORY / boot
