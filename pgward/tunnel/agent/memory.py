"""Which tunnels are opened again at the agent's next start: ``tunnels.json`` of the home."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import InvalidInputError
from pgward.core.names import resource_name
from pgward.system.files import atomic_write, storage_errors

FILE = "tunnels.json"
MOST = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tunnel that somebody asked for; its port is in ``ports.json``.

    One that is ``installed`` is wanted by a section of ``pg_service.conf`` only (``installed``).
    """

    service: str
    socket: bool = False
    installed: bool = False


def load(home: Path) -> list[Wanted]:
    """Return what is remembered; a damaged file is as good as none."""
    path = home / FILE
    if not path.exists():
        return []
    with storage_errors(path, "read"):
        data = path.read_bytes()
    try:
        return [
            Wanted(resource_name(each["service"]), each.get("socket") is True)
            for each in json.loads(data)["tunnels"][:MOST]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInputError):
        return []


def save(home: Path, tunnels: Iterable[Wanted]) -> None:
    """Remember those that somebody asked for by themselves; raise StorageError."""
    asked = sorted((each for each in tunnels if not each.installed), key=lambda each: each.service)
    kept = {"tunnels": [{"service": each.service, "socket": each.socket} for each in asked]}
    atomic_write(home / FILE, json.dumps(kept, indent=2).encode())
