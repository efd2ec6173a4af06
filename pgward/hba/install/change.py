"""A change of configuration files and material, as a list of steps that can be cut off anywhere.

The order is such that a server which starts between two steps works: files before the settings
that name them, settings and map before the lines of pg_hba.conf that need them. Where one file
must suit the old and the new content of the next, it has a content in between.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pgward
from pgward.core.clock import rfc3339
from pgward.core.errors import PgwardError
from pgward.hba.install.generations import Generations
from pgward.hba.install.history import BACKUP_MARK, BACKUPS_KEPT, History
from pgward.hba.install.journal import About, Journal, Replaced, digest, own_digest
from pgward.hba.server.access import FileAccess

log = logging.getLogger("pgward.hba")

__all__ = ["BACKUPS_KEPT", "Change", "Edit", "Step", "journal_path", "undo"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A file's content before (None: there is none) and after.

    ``between`` stands there, if it is not None, until all other files are replaced.
    """

    path: Path
    before: bytes | None
    after: bytes
    between: bytes | None = None

    @property
    def needed(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after

    @property
    def first(self) -> bytes:
        """What stands there first."""
        return self.after if self.between is None else self.between


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and what it is called."""

    name: str
    run: Callable[[], None]


class Change:
    """New contents of files (in the order of replacing) and a generation to switch to.

    One ``of_roles`` changes nothing but the lines of role maps, and is recorded apart.
    """

    def __init__(
        self,
        state_dir: Path,
        generations: Generations,
        disk: FileAccess,
        *,
        generation: str | None,
        edits: Sequence[Edit],
        now: datetime,
        what: str = "apply",
        of_roles: bool = False,
    ) -> None:
        self._history = History(state_dir, disk, of_roles=of_roles)
        self.journal_path = journal_path(state_dir)
        self._generations = generations
        self._disk = disk
        self._generation = generation
        self._edits = [edit for edit in edits if edit.needed]
        self._now = now
        self._what = what
        self._stamp = self._history.next_stamp(now) if self._edits else ""
        self._places: dict[Path, Path] = {}

    @property
    def needed(self) -> bool:
        """Whether anything changes."""
        return bool(self._edits) or self._generation != self._generations.current()

    def steps(self) -> list[Step]:
        """Return the steps: back up, write the journal, replace one thing after the other."""
        self._places = {edit.path: self._disk.resolve(edit.path) for edit in self._edits}
        kept = [
            Step(f"back up {edit.path.name}", partial(self._keep, edit))
            for edit in self._edits
            if edit.before is not None
        ]
        replaced = [
            Step(f"replace {edit.path.name}", partial(self._put, edit, edit.first))
            for edit in self._edits
        ]
        finished = [
            Step(f"finish {edit.path.name}", partial(self._put, edit, edit.after))
            for edit in self._edits
            if edit.first != edit.after
        ]
        switch = Step("use the new material", lambda: self._generations.use(self._generation))
        return [*kept, Step("write the journal", self._write_journal), switch, *replaced, *finished]

    def commit(self) -> None:
        """Make it final: files that changed are recorded; old backups and generations go.

        What cannot be removed then is left to the next change: this one has taken.
        """
        if self._edits:
            self._history.add(self.journal_path, self._stamp)
        else:
            self._disk.remove(self.journal_path)
        try:
            self._generations.prune(self._history.prune())
        except PgwardError as error:
            log.warning("the change is made, but what is old was not removed: %s", error)

    def _backup(self, edit: Edit) -> Path:
        path = self._places[edit.path]
        return path.with_name(f"{path.name}{BACKUP_MARK}{self._stamp}")

    def _keep(self, edit: Edit) -> None:
        like = self._places[edit.path]
        self._disk.replace(self._backup(edit), edit.before or b"", like=like)

    def _write_journal(self) -> None:
        replaced = [
            Replaced(
                str(edit.path),
                None if edit.before is None else str(self._backup(edit)),
                digest(edit.before),
                digest(edit.after),
                None if edit.first == edit.after else digest(edit.first),
                own_digest(edit.before, edit.path),
                own_digest(edit.after, edit.path),
            )
            for edit in self._edits
        ]
        about = About(
            self._stamp, rfc3339(self._now), pgward.__version__, self._what, self._generation
        )
        self._history.prepare()
        journal = Journal(self._generations.current(), tuple(replaced), about)
        journal.save(self.journal_path, self._disk)

    def _put(self, edit: Edit, content: bytes) -> None:
        self._disk.replace(edit.path, content)


def journal_path(state_dir: Path) -> Path:
    """Return where the journal lies while a change is under way."""
    return state_dir / "journal.json"


def undo(state_dir: Path, generations: Generations, disk: FileAccess) -> bool:
    """Undo the change that a run left half done; tell whether there was something to undo."""
    path = journal_path(state_dir)
    journal = Journal.load(path, disk)
    if journal is None:
        return False
    changed = journal.undo(generations, disk)
    disk.remove(path)
    return changed
