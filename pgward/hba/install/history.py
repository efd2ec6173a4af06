"""The changes that took: what each replaced, and where the old contents are.

One file for each, ``changes/<stamp>.json``, which is the change's own journal. So a change is
recorded by the very rename that makes it final, and no kill leaves it without a record.

Changes of the role maps' lines alone come by themselves, and often. They are counted apart, in
``role-changes``, so that they push nothing out, and are never gone back to: see ``role_lines``.
"""

from datetime import datetime
from pathlib import Path

from pgward.core.errors import NotFoundError
from pgward.hba.install.journal import About, Journal
from pgward.hba.server.access import FileAccess

BACKUPS_KEPT = 5
BACKUP_MARK = ".pgward-"
_DIRECTORY = "changes"
_OF_ROLES = "role-changes"
_SUFFIX = ".json"


class History:
    """The records below a state directory; stamps sort as the changes came."""

    def __init__(self, state_dir: Path, disk: FileAccess, *, of_roles: bool = False) -> None:
        self.directory = state_dir / (_OF_ROLES if of_roles else _DIRECTORY)
        self._other = state_dir / (_DIRECTORY if of_roles else _OF_ROLES)
        self._of_roles = of_roles
        self._disk = disk

    def stamps(self) -> list[str]:
        """Return the stamps of all records, the oldest first."""
        return self._stamps(self.directory)

    def records(self) -> list[tuple[About, Journal]]:
        """Return all records, the oldest first; raise ConflictError for a damaged one."""
        return self._records(self.directory)

    def since(self, stamp: str | None) -> list[tuple[About, Journal]]:
        """Return the record of ``stamp`` (None: the newest) and all later ones.

        Raises NotFoundError.
        """
        records = self.records()
        if not records:
            raise NotFoundError(
                "there is no change to take back", hint="pgward hba apply records each one"
            )
        stamps = [about.stamp for about, _ in records]
        wanted = stamps[-1] if stamp is None else stamp
        if wanted not in stamps:
            raise NotFoundError(
                f"there is no change {wanted}", hint=f"there are: {', '.join(stamps)}"
            )
        return records[stamps.index(wanted) :]

    def next_stamp(self, now: datetime) -> str:
        """Return a stamp after all others, also in the same second or with the clock set back."""
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        newest = max([*self.stamps(), *self._stamps(self._other)], default="")
        if stamp > newest:
            return stamp
        base, _, number = newest.partition("-")
        return f"{base}-{int(number or 0) + 1:03d}"

    def prepare(self) -> None:
        """Make the directory, so that ``add`` is one rename.

        Raises ConflictError for a damaged record: now, and not when a change has been made.
        """
        self._disk.make_dir(self.directory)
        self.records()
        self._records(self._other)

    def add(self, journal: Path, stamp: str) -> None:
        """Make a journal the record of its change."""
        self._disk.move(journal, _path(self.directory, stamp))

    def prune(self) -> set[str]:
        """Forget all but the newest changes, with their backups; return what is still needed.

        That is the names of generations.
        """
        with self._disk.together():
            mine, others = self._prune(self.directory), self._prune(self._other)
        kept = [*mine, *others]
        with self._disk.looking(()):
            unneeded = [
                backup
                for path in {Path(each.path) for journal in kept for each in journal.files}
                for backup in self._spare_backups(self._disk.resolve(path), kept)
            ]
        with self._disk.together():
            for backup in unneeded:
                self._disk.remove(backup)
        gone_back_to = others if self._of_roles else mine
        return {each.generation for each in gone_back_to if each.generation is not None}

    def _prune(self, directory: Path) -> list[Journal]:
        records = self._records(directory)
        for about, journal in records[:-BACKUPS_KEPT]:
            for each in journal.files:
                if each.backup is not None:
                    self._disk.remove(Path(each.backup))
            self._disk.remove(_path(directory, about.stamp))
        return [journal for _, journal in records[-BACKUPS_KEPT:]]

    def _spare_backups(self, path: Path, kept: list[Journal]) -> list[Path]:
        """Return backups that no record needs: of undone changes, and of older versions."""
        prefix = f"{path.name}{BACKUP_MARK}"
        found = [path.parent / name for name in self._disk.names(path.parent)]
        found = [each for each in found if each.name.startswith(prefix)]
        wanted = {Path(each.backup) for one in kept for each in one.files if each.backup}
        others = [each for each in found if each not in wanted]
        spare = max(0, BACKUPS_KEPT - (len(found) - len(others)))
        return others[: max(0, len(others) - spare)]

    def _records(self, directory: Path) -> list[tuple[About, Journal]]:
        stamps = self._stamps(directory)
        with self._disk.looking(_path(directory, stamp) for stamp in stamps):
            loaded = [Journal.load(_path(directory, stamp), self._disk) for stamp in stamps]
        return [(each.about, each) for each in loaded if each is not None and each.about]

    def _stamps(self, directory: Path) -> list[str]:
        return sorted(
            name.removesuffix(_SUFFIX)
            for name in self._disk.names(directory)
            if name.endswith(_SUFFIX) and not name.startswith(".")
        )


def _path(directory: Path, stamp: str) -> Path:
    return directory / f"{stamp}{_SUFFIX}"
