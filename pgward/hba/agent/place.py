"""Whether the data directory still is the one that the agent was started for.

``pg_upgrade`` and a restored backup put another directory in its place, of another version perhaps,
with other programs, and without the files that the agent holds. Then the agent begins anew.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pgward.core.errors import PgwardError
from pgward.hba.install.host import Host

_Inode = tuple[int, int]


class ReplacedError(PgwardError):
    """Another directory stands there now."""


@dataclass(frozen=True, slots=True)
class Place:
    """The data directory and the agent's lock, as they were when it began."""

    data_dir: Path
    lock: Path
    was: tuple[_Inode | None, _Inode | None]

    @classmethod
    def of(cls, host: Host, lock: Path) -> Self:
        """Remember what is there; the lock is held."""
        return cls(host.data_dir.path, lock, (_inode(host.data_dir.path), _inode(lock)))

    def check(self) -> None:
        """Raise ReplacedError when there is another one; none at all is one that is on its way."""
        now = _inode(self.data_dir)
        if now is None or (now, _inode(self.lock)) == self.was:
            return
        raise ReplacedError(
            f"{self.data_dir} is not the directory any more that the agent was started for",
            hint="after pg_upgrade, or a restore without the agent's files, run pgward hba apply; "
            "the agent then begins anew",
        )


def _inode(path: Path) -> _Inode | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
