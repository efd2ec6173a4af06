"""How far the auditor is: a file that `pgward edge status` shows."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from pgward.core.clock import Clock, rfc3339
from pgward.system.files import StorageError, atomic_write, storage_errors

log = logging.getLogger("pgward.auditor")

_FILE: Final = "status.json"
_MIB: Final = 1 << 20


class Waiting(NamedTuple):
    """How many chunks wait for a target, and why the last attempt failed."""

    chunks: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """Records made since the start, bytes on tape that are not records yet, what is on disk.

    ``unreadable`` are tapes that are left alone, ``refused`` chunks that were set aside, and
    ``pressing`` is how many tapes are half full.
    """

    records: int
    tape_bytes: int
    chunks: int
    chunk_bytes: int
    unreadable: tuple[str, ...]
    targets: Mapping[str, Waiting]
    refused: int = 0
    pressing: int = 0


class StatusFile:
    """Writes the file when something changed."""

    def __init__(self, place: Path, clock: Clock) -> None:
        self._path = place / _FILE
        self._clock = clock
        self._last: Status | None = None

    def write(self, status: Status) -> None:
        """Put it on disk; a full disk is no reason to stop."""
        if status == self._last:
            return
        self._last = status
        targets = {name: each._asdict() for name, each in status.targets.items()}
        fields = {"time": rfc3339(self._clock.now()), "pid": os.getpid(), **asdict(status)}
        try:
            atomic_write(self._path, json.dumps(fields | {"targets": targets}).encode())
        except StorageError as error:
            log.debug("%s", error.message)


def load(place: Path) -> dict[str, Any] | None:
    """Return what was written last, None when nothing was that can be read."""
    path = place / _FILE
    with storage_errors(path, "read"):
        text = path.read_bytes() if path.exists() else b"null"
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def shown(status: Mapping[str, Any]) -> str:
    """Return it as a line for people."""
    words = [f"{status['records']} records since the start"]
    if status["tape_bytes"] >= _MIB:
        words.append(f"{status['tape_bytes'] // _MIB} MiB on tape are not records yet")
    if pressing := status.get("pressing"):
        tapes = "a tape is" if pressing == 1 else f"{pressing} tapes are"
        words.append(f"{tapes} half full, and the heaviest sessions are slowed")
    if status.get("unreadable"):
        words.append(f"tapes that cannot be read: {', '.join(status['unreadable'])}")
    if refused := status.get("refused"):
        chunks = "1 chunk was" if refused == 1 else f"{refused} chunks were"
        words.append(f"{chunks} refused, and set aside: see pgward edge refused")
    for name, target in status["targets"].items():
        if target["chunks"]:
            because = f" ({target['problem']})" if target["problem"] else ""
            chunks = target["chunks"]
            wait = "1 chunk waits" if chunks == 1 else f"{chunks} chunks wait"
            words.append(f"{wait} for {name}{because}")
    return "; ".join(words)
