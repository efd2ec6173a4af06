"""What the CA said last, on disk: with it a connector that starts without the CA ends what is over.

A file an integration, as the CA's answer had it, and one with the answer's version and the CA's
clock. There is no secret in them, but who may do what: they are for the connector's account alone.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pgward.core import names
from pgward.core.errors import PgwardError
from pgward.system.files import atomic_write, private_dir, read_regular, storage_errors, sync_dir

log = logging.getLogger("pgward.connector")

PLACE: Final = "kept"
_HEARD = "heard.json"
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What was on disk: the newest version, its clock, and integrations by name."""

    version: int = 0
    clock: Mapping[str, Any] | None = None
    integrations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Keeping:
    """Writes only what changed; a disk that takes nothing is logged, and stops nobody."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_dir(directory / PLACE)
        self._written: dict[str, Mapping[str, Any]] = {}

    def load(self) -> Kept:
        """Return what is there; what cannot be read is logged, and left out."""
        heard = _read(self._directory / _HEARD) or {}
        found: dict[str, Mapping[str, Any]] = {}
        for path in sorted(self._directory.glob("*.integration")):
            fields = _read(path)
            if fields is not None:
                found[path.stem] = fields
        self._written = dict(found)
        version, clock = heard.get("version"), heard.get("clock")
        return Kept(
            version if isinstance(version, int) else 0,
            clock if isinstance(clock, dict) else None,
            found,
        )

    def keep(
        self,
        version: int,
        clock: Mapping[str, Any] | None,
        integrations: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Keep an answer: the version last, so that it never is above what is there."""
        try:
            for name, fields in integrations.items():
                if self._written.get(name) != fields:
                    self._write(f"{names.resource_name(name)}.integration", fields)
                    self._written[name] = fields
            for name in self._written.keys() - integrations.keys():
                self._forget(name)
            self.keep_clock(version, clock)
        except PgwardError as error:
            log.error("what the CA said cannot be kept: %s", error)

    def keep_clock(self, version: int, clock: Mapping[str, Any] | None) -> None:
        """Keep what time it is at the CA; raise StorageError."""
        self._write(_HEARD, {"version": version, "clock": clock})

    def _forget(self, name: str) -> None:
        path = self._directory / f"{name}.integration"
        with storage_errors(path, "remove"):
            path.unlink(missing_ok=True)
            sync_dir(self._directory)
        del self._written[name]

    def _write(self, name: str, fields: Mapping[str, Any]) -> None:
        data = json.dumps(fields, separators=(",", ":")).encode()
        atomic_write(self._directory / name, data)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_regular(path, _MOST_BYTES))
        if not isinstance(found, dict):
            raise ValueError("it is no object")  # noqa: TRY004, TRY301 - told like the others
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.error("%s cannot be read, and is left out: %s", path, error)
        return None
    return found
