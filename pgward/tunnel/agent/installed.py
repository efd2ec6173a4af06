"""Services whose sections ``pgward config install`` keeps: ``installed.json`` of the home.

A program that reads ``pg_service.conf`` expects a tunnel at the port that stands there, so the
agent opens them all. `config` writes the file and the agent reads it, also while it runs: neither
has to be there first. Sections that lead straight to PostgreSQL are not in it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from pgward.core.errors import InvalidInputError
from pgward.core.names import resource_name
from pgward.system.files import atomic_write, storage_errors

FILE = "installed.json"
MOST = 1000


def record(home: Path, services_file: Path, names: Iterable[str]) -> None:
    """Note which sections of ours one service file has now; raise StorageError.

    A person may have several such files; what stood in those that are gone is forgotten.
    """
    before = _read(home)
    files = {path: kept for path, kept in before.items() if Path(path).exists()}
    files[str(services_file)] = sorted(names)
    files = {path: kept for path, kept in files.items() if kept}
    if files != before:
        atomic_write(home / FILE, json.dumps({"files": files}, indent=2).encode())


def load(home: Path) -> frozenset[str]:
    """Return the services of all files; raise StorageError."""
    names = (name for kept in _read(home).values() for name in kept)
    return frozenset(sorted(names)[:MOST])


def version(home: Path) -> tuple[int, int] | None:
    """Return what is another one after each ``record``, without reading the file."""
    try:
        status = (home / FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _read(home: Path) -> dict[str, list[str]]:
    """Return the names for each file; a damaged one is as good as none."""
    path = home / FILE
    if not path.exists():
        return {}
    with storage_errors(path, "read"):
        data = path.read_bytes()
    try:
        return {
            str(each): [resource_name(name) for name in names]
            for each, names in json.loads(data)["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInputError):
        return {}
