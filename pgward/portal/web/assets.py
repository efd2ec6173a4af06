"""Style sheets, scripts and pictures, read once and named by what is in them.

The name of a changed asset changes, so browsers may keep each for ever.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pgward.core.errors import NotFoundError

PREFIX = "/static"
_IMPORT = re.compile(rb'from "\./([a-z_]+\.js)"')
_DIRECTORY = Path(__file__).parents[1] / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; ``path`` is where it is served."""

    path: str
    content: bytes
    media_type: str


@cache
def every() -> dict[str, Asset]:
    """Return all assets by the name of their file."""
    files = [each for each in sorted(_DIRECTORY.iterdir()) if each.suffix in _TYPES]
    return {each.name: _read(each.name) for each in files}


def path_of(name: str) -> str:
    """Return where a page finds an asset."""
    return every()[name].path


def find(path: str) -> Asset:
    """Return the asset at a path; raise NotFoundError."""
    for each in every().values():
        if each.path == path:
            return each
    raise NotFoundError("not found")


@cache
def _read(name: str) -> Asset:
    file = _DIRECTORY / name
    content = file.read_bytes()
    if file.suffix == ".js":  # scripts name each other as browsers will find them
        content = _IMPORT.sub(
            lambda found: b'from "%s"' % _read(found[1].decode()).path.encode(), content
        )
    hashed = f"{file.stem}.{hashlib.sha256(content).hexdigest()[:16]}{file.suffix}"
    return Asset(f"{PREFIX}/{hashed}", content, _TYPES[file.suffix])
