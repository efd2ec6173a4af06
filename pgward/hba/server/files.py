"""The files of a server that say who gets in, read without its programs, be they right or wrong.

What PostgreSQL would refuse is read as well, with why it is refused: a check tells of it.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from pgward.core.errors import InvalidInputError
from pgward.hba.check import comments
from pgward.hba.check.comments import Ignore
from pgward.hba.check.live import Live
from pgward.hba.server.access import Access
from pgward.hba.server.datadir import AUTO_FILE, OPTIONS_FILE, Directory
from pgward.hba.server.local import LOCAL
from pgward.hba.syntax.files import (
    FileProblemError,
    Files,
    Place,
    Placed,
    PlacedSetting,
    settings_in,
)
from pgward.hba.syntax.reading import grammar
from pgward.hba.syntax.settings import Setting
from pgward.hba.syntax.versions import Abilities
from pgward.system import collecting
from pgward.system.postgres import Account

_HINT = "run this as root, or as the account that may read it: sudo -u postgres …"


@dataclass(frozen=True)
class ServerFiles:
    """The lines of the files in their order; ``settings`` is None without a postgresql.conf.

    Of settings the last of a name counts. ``ignores`` are the comments that say which findings
    are meant so. ``has_ident`` is false where no pg_ident.conf was asked for. ``directory`` is the
    data directory, if any; ``texts`` are the files as they are, read as ``account``, by their
    paths, and ``config`` is the postgresql.conf that they begin with. ``live`` is what a running
    server said of itself, where one was asked. ``access`` is the machine that they are on.
    """

    able: Abilities
    hba: list[Placed]
    ident: list[Placed]
    settings: list[PlacedSetting] | None = None
    ignores: list[Ignore] = field(default_factory=list)
    has_ident: bool = True
    directory: Path | None = None
    account: Account | None = None
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    config: str = ""
    live: Live | None = None
    access: Access = field(default=LOCAL, compare=False, repr=False)

    @property
    def interfaces(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """The addresses of its machine; another one is only asked where a line needs them."""
        needed = any({"samehost", "samenet"} & set(each.line.words) for each in self.hba)
        return self.access.interfaces() if needed or self.access is LOCAL else ()

    @property
    def values(self) -> dict[str, str]:
        """What is set, by names in lower case."""
        return _values(self.settings or ())


@collecting.paused()
def of_directory(
    path: Path,
    config_file: Path | None = None,
    ident_file: Path | None = None,
    *,
    access: Access = LOCAL,
) -> ServerFiles:
    """Read the files of a data directory as its owner, with how it was started last.

    Raises what ``Directory.open`` raises, and InvalidInputError for a file that is not there.
    """
    found = Directory.open(path, config_file, access)
    reader = Reader(access.config_files(found.owner), found.able)
    given = dict(found.given)
    config = _in(found.path, given.get("config_file", "postgresql.conf"))
    settings = reader.settings(config)
    if (auto := found.path / AUTO_FILE) != config:
        settings += reader.settings(auto, optional=True)
    started = Place(str(found.path / OPTIONS_FILE), 1)
    settings += [
        PlacedSetting(started, Setting(name, value, 1, 1))
        for name, value in found.given
        if name != "config_file"
    ]
    values = _values(settings)
    hba = reader.lines(_in(found.path, values.get("hba_file", "pg_hba.conf")))
    if ident_file is not None:
        ident = reader.mappings(ident_file)
    else:
        # A server comes up without it.
        named = _in(found.path, values.get("ident_file", "pg_ident.conf"))
        ident = reader.mappings(named, optional=True)
    return ServerFiles(
        found.able,
        hba,
        ident,
        settings,
        reader.ignores(),
        directory=found.path,
        account=found.owner,
        texts=reader.texts,
        config=str(config),
        access=access,
    )


@collecting.paused()
def of_names(
    hba: Path, able: Abilities, ident: Path | None = None, config: Path | None = None
) -> ServerFiles:
    """Read files by their names, as who we are; raise InvalidInputError."""
    account = Account("", os.geteuid(), os.getegid())
    reader = Reader(LOCAL.config_files(account), able)
    lines = reader.lines(hba)
    maps = [] if ident is None else reader.mappings(ident)
    settings = None if config is None else reader.settings(config)
    return ServerFiles(
        able,
        lines,
        maps,
        settings,
        reader.ignores(),
        ident is not None,
        account=account,
        texts=reader.texts,
        config="" if config is None else str(config),
    )


def _values(settings: Iterable[PlacedSetting]) -> dict[str, str]:
    return {each.setting.key: each.setting.value for each in settings if each.setting}


def _in(directory: Path, name: str) -> Path:
    """Return a path as the server makes it, which looks at no links (``canonicalize_path``)."""
    return Path(os.path.normpath(directory / name))


class Reader:
    """Reads files with what they include, and remembers them for the comments in them."""

    def __init__(self, files: Files, able: Abilities) -> None:
        self._access, self._conf = _Remembering(files), _Remembering(files)
        self._able = able

    def lines(self, path: Path, *, optional: bool = False) -> list[Placed]:
        """Return the lines of a pg_hba.conf; raise InvalidInputError."""
        return self._read(grammar(self._able).hba_lines, path, optional=optional)

    def mappings(self, path: Path, *, optional: bool = False) -> list[Placed]:
        """Return the lines of a pg_ident.conf; raise InvalidInputError."""
        return self._read(grammar(self._able).ident_lines, path, optional=optional)

    def settings(self, path: Path, *, optional: bool = False) -> list[PlacedSetting]:
        """Return what a postgresql.conf sets; raise InvalidInputError."""
        try:
            return settings_in(str(path), self._conf)
        except FileProblemError as problem:
            if optional and problem.missing:
                return []
            raise _unreadable(problem) from problem

    def _read(
        self, lines: Callable[[str, Files, Abilities], list[Placed]], path: Path, *, optional: bool
    ) -> list[Placed]:
        try:
            return lines(str(path), self._access, self._able)
        except FileProblemError as problem:
            if optional and problem.missing:
                return []
            raise _unreadable(problem) from problem

    @property
    def texts(self) -> dict[str, bytes]:
        """What was read so far, by its paths."""
        return {**self._access.texts, **self._conf.texts}

    @property
    def paths(self) -> list[str]:
        """The files that were read so far."""
        return list(dict.fromkeys([*self._access.texts, *self._conf.texts]))

    def ignores(self) -> list[Ignore]:
        """Return the comments in what was read that say which findings are meant so."""
        found = [
            ignore
            for path, data in self._access.texts.items()
            for ignore in comments.of_access_file(path, data, self._able)
        ]
        for path, data in self._conf.texts.items():
            found += comments.of_settings_file(path, data)
        return found


def _unreadable(problem: FileProblemError) -> InvalidInputError:
    """Return what is said of a file that cannot be read, and what to do where it is not allowed."""
    cause: BaseException | None = problem
    while cause is not None and not isinstance(cause, PermissionError):
        cause = cause.__cause__
    return InvalidInputError(str(problem), hint=None if cause is None else _HINT)


class _Remembering:
    """Files, and the texts of those that were read."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.texts: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        self.texts[path] = self._files.read(path)
        return self.texts[path]

    def names(self, directory: str) -> list[str]:
        return self._files.names(directory)
