"""The undo journal of a change: written before anything is replaced, out of the way when it took.

A run that was cut off, at whatever moment, leaves the journal; the next one puts everything back.
Files that someone else changed in between are left alone, and named. The journal of a change of
files that took becomes its record, by one rename: see ``history``.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pgward.core.errors import ConflictError, InvalidInputError
from pgward.hba.install.generations import Generations
from pgward.hba.plan import role_lines
from pgward.hba.server.access import FileAccess

_FORMAT = "files-1"  # another format is a journal that this version cannot undo


@dataclass(frozen=True, slots=True)
class Replaced:
    """One file: where its old content is kept (None: there was none), and all digests.

    ``between`` is that of a content which stands there for a while, if there is one. ``own_before``
    and ``own_after`` are those without the lines of role maps, where there are such lines.
    """

    path: str
    backup: str | None
    before: str
    after: str
    between: str | None = None
    own_before: str | None = None
    own_after: str | None = None


@dataclass(frozen=True, slots=True)
class About:
    """Which change it is: ``stamp`` names it, ``what`` says it in words, ``pgward`` by whom.

    ``generation`` is the one in use afterwards.
    """

    stamp: str
    at: str
    pgward: str
    what: str
    generation: str | None


@dataclass(frozen=True, slots=True)
class Journal:
    """What a change replaces: the generation in use before (None: none), and the files."""

    generation: str | None
    files: tuple[Replaced, ...]
    about: About | None = None

    @classmethod
    def load(cls, path: Path, disk: FileAccess) -> Self | None:
        """Return the journal that a run left, or None; raise ConflictError when it is damaged."""
        data = disk.read(path)
        if data is None:
            return None
        try:
            fields: dict[str, Any] = json.loads(data)
            files = tuple(Replaced(**each) for each in fields[_FORMAT])
            about = fields.get("change")
            return cls(fields["generation"], files, None if about is None else About(**about))
        except (ValueError, KeyError, TypeError) as error:
            raise ConflictError(
                f"the journal {path} of an earlier run cannot be read",
                hint="compare the configuration with the backups beside it, then remove it",
            ) from error

    def save(self, path: Path, disk: FileAccess) -> None:
        """Write it, before the first file is replaced."""
        fields = {
            "generation": self.generation,
            _FORMAT: [asdict(each) for each in self.files],
            "change": None if self.about is None else asdict(self.about),
        }
        disk.replace(path, json.dumps(fields, indent=1).encode() + b"\n")

    def undo(self, generations: Generations, disk: FileAccess) -> bool:
        """Put everything back, the last replaced first; tell whether anything was changed.

        Raises ConflictError when someone else changed a file since: nothing is touched then.
        """
        states = [(each, digest(disk.read(Path(each.path)))) for each in self.files]
        for each, state in states:
            if state not in {each.before, each.between, each.after}:
                raise ConflictError(
                    f"{each.path} was changed by someone else after a run that was cut off",
                    hint=f"its content before is in {each.backup}; put right what you want to "
                    "keep, remove the journal, and try again",
                )
        changed = False
        for each, state in reversed(states):
            if state != each.before:
                _put_back(each, disk)
                changed = True
        if generations.current() != self.generation:
            generations.use(self.generation)
            changed = True
        return changed


def digest(data: bytes | None) -> str:
    """Return what tells contents apart; a missing file has one of its own."""
    return "absent" if data is None else hashlib.sha256(data).hexdigest()


def own_digest(data: bytes | None, path: Path) -> str:
    """Return that of a content without the lines of role maps, which change without us."""
    if data is None:
        return digest(None)
    try:
        return digest(role_lines.without(data, str(path)))
    except InvalidInputError:  # somebody took a mark away
        return digest(data)


def _put_back(each: Replaced, disk: FileAccess) -> None:
    if each.backup is None:
        disk.remove(Path(each.path))
    else:
        disk.restore(Path(each.path), Path(each.backup))
