"""How far a log was read, on disk: the file, by what does not change, and the offset in it."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

HEAD = 512
"""So many bytes of a file tell it from another that took its place."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a log file; ``key`` is this file's in the ids of events.

    ``head`` is the digest of its first ``head_size`` bytes; ``joiner`` what was pending there.
    """

    path: str
    inode: int
    offset: int
    key: str
    head: str = ""
    head_size: int = 0
    joiner: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes | None) -> Self | None:
        """Read what ``to_bytes`` wrote; None when there is nothing, or it is damaged."""
        try:
            found = cls(**json.loads(data or b""))
        except (ValueError, TypeError):
            return None
        return found if found.is_sound() else None

    def is_sound(self) -> bool:
        """Tell whether each part is what it should be: a file says what it likes."""
        kinds = {"path": str, "inode": int, "offset": int, "key": str, "head": str}
        kinds |= {"head_size": int, "joiner": dict}
        typed = all(type(getattr(self, name)) is kind for name, kind in kinds.items())
        return typed and min(self.inode, self.offset, self.head_size) >= 0

    def to_bytes(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    def is_of(self, descriptor: int) -> bool:
        """Tell whether an open file is the one, and has not begun anew."""
        status = os.fstat(descriptor)
        if status.st_ino != self.inode or status.st_size < self.offset:
            return False
        return digest(descriptor, self.head_size) == self.head


def digest(descriptor: int, size: int) -> str:
    """Return the digest of the first bytes of an open file."""
    return sha256(os.pread(descriptor, size, 0)).hexdigest()


def new_key() -> str:
    """Return what tells the events of one file from those of all others."""
    return secrets.token_hex(8)


def siblings(path: Path) -> list[Path]:
    """Return the files beside a log that may be its former selves, the oldest first."""
    found = []
    for each in path.parent.iterdir():
        try:
            status = each.stat()
        except OSError:
            continue  # it was removed meanwhile, or is none of ours to see
        if each.is_file():
            found.append((status.st_mtime_ns, each.name, each))
    return [each for *_, each in sorted(found)]
