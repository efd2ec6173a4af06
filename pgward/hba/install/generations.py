"""Material on disk: ``tls/<generation>/``, and ``tls/current``, a symlink to the one in use.

The symlink makes certificate, key, CA and CRLs change together: a server that starts between two
replaced files would otherwise find a key that does not fit, and not start.
"""

import secrets
from datetime import datetime
from pathlib import Path

from pgward.hba.install.material import FILES, Material
from pgward.hba.server.disk import Disk

_MODES = {"key": 0o600}
_READABLE = 0o644
_KEPT = 2


class Generations:
    """The generations below one directory, which is made when the first is written."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self.directory = directory
        self._disk = disk
        self.link = directory / "current"

    def current(self) -> str | None:
        """Return the name of the generation in use."""
        if not self.link.is_symlink():
            return None
        return str(self.link.readlink())

    def load(self) -> Material | None:
        """Return the material in use, or None when there is none or a part of it is missing."""
        parts = {part: self._disk.read(self.link / name) for part, name in FILES.items()}
        present = {part: data for part, data in parts.items() if data is not None}
        return Material(**present) if present.keys() == parts.keys() else None

    def write(self, material: Material, now: datetime) -> str:
        """Write a generation that is not in use yet; return its name."""
        name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
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

    def prune(self) -> None:
        """Remove all but the one in use and the newest before it."""
        if not self.directory.is_dir():
            return
        current = self.current()
        names = sorted(p.name for p in self.directory.iterdir() if p.is_dir() and p != self.link)
        others = [name for name in names if name != current]
        for name in others[: max(0, len(others) - (_KEPT - 1))]:
            self._disk.remove(self.directory / name)
