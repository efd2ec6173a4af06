"""What a worker knows of the servers behind its services, on disk for ``pgward edge status``."""

import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pgward.system.files import StorageError, atomic_write
from pgward.tunnel.edge.upstreams.health import Health

log = logging.getLogger("pgward.edge")

NAME = "health.json"
_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What was written of each server, and when they were asked."""

    asked_at: datetime
    servers: tuple["Server", ...]


class Server(NamedTuple):
    """A server behind a service; ``problem`` is None where it answers."""

    service: str
    address: str
    problem: str | None


@dataclass(slots=True)
class Keeper:
    """Writes the file of one edge: its content when something changed, else only its time."""

    directory: Path

    def __call__(self, known: Sequence[Health], changed: bool) -> None:
        """Keep what is known; a disk that takes nothing is logged, as nothing depends on it."""
        path = self.directory / NAME
        try:
            if changed:
                atomic_write(path, _written(known), mode=0o644)
            else:
                os.utime(path)
        except (StorageError, OSError) as error:
            log.warning("how the databases are cannot be kept: %s", error)


def _written(known: Iterable[Health]) -> bytes:
    servers = [
        {"service": each.service, "address": str(each.address), "problem": each.problem}
        for each in known
    ]
    return json.dumps({"servers": servers}).encode()


def read(directory: Path) -> Kept | None:
    """Return what was kept; None where nothing was, or it cannot be read."""
    try:
        with (directory / NAME).open("rb") as file:
            asked_at = os.fstat(file.fileno()).st_mtime
            fields = json.loads(file.read(_MOST_BYTES))
        servers = tuple(
            Server(str(each["service"]), str(each["address"]), each["problem"])
            for each in fields["servers"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Kept(datetime.fromtimestamp(asked_at, UTC), servers)
