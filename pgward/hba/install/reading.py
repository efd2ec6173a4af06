"""A server's files as they are, or as they shall be, with what they include."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgward.hba.plan.lint import Finding
from pgward.hba.server.access import FileAccess
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.disk import DiskError
from pgward.hba.syntax import mappings, rules
from pgward.hba.syntax.files import (
    FileProblemError,
    Placed,
    access_lines,
    settings_in,
)
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.tokens import Field
from pgward.hba.syntax.versions import Abilities

Read = Callable[[tuple[Field, ...], Abilities], Any]


@dataclass(frozen=True, slots=True)
class View:
    """Files of a server, read as its account; ``instead`` are contents that are not in place."""

    disk: FileAccess
    instead: Mapping[Path, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raise FileProblemError."""
        if Path(path) in self.instead:
            return self.instead[Path(path)]
        try:
            data = self.disk.read(Path(path))
        except DiskError as error:
            raise FileProblemError(error.message, missing=False) from error
        if data is None:
            raise FileProblemError(f"there is no {path}", missing=True)
        return data

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory; raise FileProblemError."""
        try:
            return self.disk.names(Path(directory))
        except DiskError as error:
            raise FileProblemError(error.message, missing=False) from error


def hba_lines(data_dir: DataDir, view: View) -> list[Placed]:
    """Return the lines of pg_hba.conf; raise FileProblemError."""
    return access_lines(str(data_dir.hba_file), view, data_dir.able)


def ident_lines(data_dir: DataDir, view: View) -> list[Placed]:
    """Return the lines of pg_ident.conf, which need not be there; raise FileProblemError."""
    try:
        return access_lines(str(data_dir.ident_file), view, data_dir.able)
    except FileProblemError as problem:
        if problem.missing:
            return []
        raise


def values(data_dir: DataDir, view: View) -> dict[str, str]:
    """Return what is set, by names in lower case, as the server finds it; raise FileProblemError.

    The last counts: of postgresql.conf, ALTER SYSTEM, the command line.
    """
    found = settings_in(str(data_dir.config_file), view)
    try:
        found += settings_in(str(data_dir.auto_file), view)
    except FileProblemError as problem:
        if not problem.missing:
            raise
    files = {each.setting.key: each.setting.value for each in found if each.setting}
    return {**files, **{name.lower(): value for name, value in data_dir.given}}


def errors(data_dir: DataDir, *, ident_only: bool = False) -> list[Finding]:
    """Return what keeps the server from taking pg_hba.conf and pg_ident.conf, without asking it."""
    ident = list(_errors(data_dir, ident_lines, mappings.read, data_dir.ident_file))
    if ident_only:
        return ident
    return [*_errors(data_dir, hba_lines, rules.read, data_dir.hba_file), *ident]


def _errors(
    data_dir: DataDir, lines: Callable[[DataDir, View], Sequence[Placed]], read: Read, path: Path
) -> Iterator[Finding]:
    try:
        found = lines(data_dir, View(data_dir.disk))
    except FileProblemError as problem:
        yield Finding(str(path), str(problem))
        return
    for each in found:
        try:
            if each.problem is not None:
                raise each.problem
            read(each.fields, data_dir.able)
        except BeyondUsError:
            continue  # an expression that PostgreSQL may well understand
        except BadLineError as error:
            at = each.at(error)
            said = f"column {at.column}"
            if at.line != each.line.number:
                said = f"line {at.line}, column {at.column}"
            yield Finding(f"{each.path}:{each.line.number}", f"{error.message} ({said})")
