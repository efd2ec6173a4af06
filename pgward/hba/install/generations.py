"""Material on disk: ``tls/<generation>/``, and ``tls/current``, a symlink to the one in use.

The symlink makes certificate, key, CA and CRLs change together: a server that starts between two
replaced files would otherwise find a key that does not fit, and not start.
"""

import secrets
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from pgward.hba.install.material import FILES, Material
from pgward.hba.server.access import FileAccess

_MODES = {"key": 0o600}
_READABLE = 0o644
_KEPT = 2


class Generations:
    """The generations below one directory, which is made when the first is written."""

    def __init__(self, directory: Path, disk: FileAccess) -> None:
        self.directory = directory
        self._disk = disk
        self.link = directory / "current"

    def current(self) -> str | None:
        """Return the name of the generation in use."""
        return self._disk.link(self.link)

    def load(self) -> Material | None:
        """Return the material in use, or None when there is none or a part of it is missing."""
        return self._read(self.link)

    def read(self, name: str) -> Material | None:
        """Return the material of one generation, or None when it is not there any more."""
        return self._read(self.directory / name)

    def _read(self, place: Path) -> Material | None:
        with self._disk.looking(place / name for name in FILES.values()):
            parts = {part: self._disk.read(place / name) for part, name in FILES.items()}
        present = {part: data for part, data in parts.items() if data is not None}
        return Material(**present) if present.keys() == parts.keys() else None

    def write(self, material: Material, now: datetime) -> str:
        """Write a generation that is not in use yet; return its name."""
        name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        with self._disk.together():
            self._disk.make_dir(self.directory)
            self._disk.make_dir(self.directory / name)
            for part, file in FILES.items():
                mode = _MODES.get(part, _READABLE)
                self._disk.replace(self.directory / name / file, getattr(material, part), mode=mode)
        return name

    def use(self, name: str | None) -> None:
        """Make a generation the one in use; None takes the symlink away."""
        if name is None:
            self._disk.remove(self.link)
        else:
            self._disk.point(self.link, name)

    def prune(self, wanted: Collection[str] = ()) -> None:
        """Remove all but the one in use, those wanted, and the newest of the others."""
        current = self.current()
        others = [
            name
            for name in self._disk.names(self.directory)
            if name not in {current, self.link.name, *wanted} and not name.startswith(".")
        ]
        with self._disk.together():
            for name in others[: max(0, len(others) - (_KEPT - 1))]:
                self._disk.remove(self.directory / name)
