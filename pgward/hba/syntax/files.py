"""Follow what configuration files include, each version in its own way.

``@file`` stands for the words of a file in every version; ``include``, ``include_if_exists`` and
``include_dir`` are lines of postgresql.conf in all of them, and of pg_hba.conf and pg_ident.conf
from version 16 on. Names are relative to the file that includes. (``tokenize_auth_file`` and
``GetConfFilesInDir`` in src/backend; manual, sections 19.1.5, 20.1 and 20.2.)
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pgward.hba.syntax import settings, tokens
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.settings import Setting
from pgward.hba.syntax.tokens import Field, Line, Token
from pgward.hba.syntax.versions import Abilities

INCLUDES = settings.INCLUDES
MOST_LEVELS = 10  # CONF_FILE_MAX_DEPTH; older versions run on until nothing more can be opened
_MOST_BYTES = 64 * 1024 * 1024
_OLD_MOST_LINE = 8190
_BUILT_IN = "<built into "
_FIRST_WITHOUT_LIMITS = 14


class FileProblemError(Exception):
    """A file or a directory that cannot be read; ``missing`` when there is none.

    ``directory`` when a file was wanted, and it is a directory.
    """

    def __init__(self, message: str, *, missing: bool, directory: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        self.directory = directory


class RefusedFileError(FileProblemError):
    """A file that is not even looked for: no name, too deep, too large, or the one that asks."""

    def __init__(self, message: str) -> None:
        super().__init__(message, missing=False)


class Files(Protocol):
    """Where files come from; both raise FileProblemError."""

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        ...

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory that are no directories."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; ``column`` from 1, or 0 for the whole line."""

    path: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        column = f":{self.column}" if self.column else ""
        return f"{self.path}:{self.line}{column}"


class Placed(NamedTuple):
    """A line with the words of its ``@file``s in place, or ``problem``, why it is refused.

    ``origins`` are the numbers of its fields as they are written: one that came to nothing is
    no field for PostgreSQL, and the next stands in its place.
    """

    path: str
    line: Line
    fields: tuple[Field, ...]
    origins: tuple[int, ...]
    problem: BadLineError | None = None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.path, self.line.number, self.line.column)

    def at(self, error: BadLineError) -> Place:
        """Return where an error in it stands."""
        field, token = error.field, error.token
        if self.problem is None and self.fields != self.line.fields:
            past = field >= len(self.origins)
            field, token = len(self.line.fields) if past else self.origins[field], 0
        line, column = self.line.place(field, token)
        return Place(self.path, line, column)


@dataclass(frozen=True, slots=True)
class PlacedSetting:
    """A setting of postgresql.conf or of what it includes, or why a line is refused."""

    place: Place
    setting: Setting | None
    problem: str | None = None


def built_in(name: str) -> str:
    """Return what stands for the path of lines that a server adds to its files."""
    return f"{_BUILT_IN}{name}>"


def is_built_in(path: str) -> bool:
    """Tell whether a line stands in no file: nobody can edit it."""
    return path.startswith(_BUILT_IN)


def read_whole(path: str, files: Files) -> bytes:
    """Return the bytes of a file that includes no other; raise FileProblemError."""
    return _read(files, path, 0)


def check_words(line: Line, able: Abilities) -> None:
    """Raise BadLineError for what is longer than the buffers that some have."""
    most = able.most_word
    if most is None or len(line.raw) <= most:
        return
    if len(line.raw) > _OLD_MOST_LINE and able.version < _FIRST_WITHOUT_LIMITS:
        raise BadLineError(f"a line of more than {_OLD_MOST_LINE} bytes")
    for number, field in enumerate(line.fields):
        for index, token in enumerate(field):
            if len(token.text.encode("utf-8", "surrogateescape")) > most:
                message = f"a word of more than {most} bytes"
                raise BadLineError(message, number, index)


def access_lines(path: str, files: Files, able: Abilities) -> list[Placed]:
    """Return the lines of a pg_hba.conf or pg_ident.conf that say something, in their order.

    Raises FileProblemError when the file itself cannot be read.
    """
    return list(_Access(files, able).lines(path, 0))


def settings_in(path: str, files: Files) -> list[PlacedSetting]:
    """Return what a postgresql.conf sets, in its order: the last of a name counts.

    Raises FileProblemError when the file itself cannot be read.
    """
    return list(_settings(path, files, 0))


def resolved(name: str, calling: str) -> str:
    """Return the path that ``name`` means in the file ``calling``."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(calling), name))


class _Access:
    """Reads pg_hba.conf and pg_ident.conf."""

    def __init__(self, files: Files, able: Abilities) -> None:
        self._files = files
        self._able = able

    def lines(self, path: str, level: int) -> Iterator[Placed]:
        try:
            data = _read(self._files, path, level)
        except FileProblemError as problem:
            if problem.directory and level > 0 and self._able.version >= _FIRST_WITHOUT_LIMITS:
                return  # it opens as a file does, and what fails then is told in the log alone
            raise
        for line in tokens.parse(data, continuation=self._able.continuation):
            if not line.fields:
                continue
            try:
                check_words(line, self._able)
                if self._is_include(line):
                    yield from self._included(path, line, level)
                    continue
                placed = self._expanded(path, line, level)
                if placed.fields:
                    yield placed
            except BadLineError as error:
                yield Placed(path, line, line.fields, (), error)

    def _expanded(self, path: str, line: Line, level: int) -> Placed:
        if b"@" not in line.raw:
            return Placed(path, line, line.fields, ())
        expanded = [
            (number, tuple(self._words(field, number, path, level)))
            for number, field in enumerate(line.fields)
        ]
        left = [(number, field) for number, field in expanded if field]
        return Placed(path, line, tuple(field for _, field in left), tuple(n for n, _ in left))

    def _is_include(self, line: Line) -> bool:
        # In quotes, too.
        named = len(line.fields) == 2 and line.fields[0][0].text in INCLUDES  # noqa: PLR2004
        return self._able.includes and named

    def _included(self, path: str, line: Line, level: int) -> Iterator[Placed]:
        how, named = line.fields[0][0].text, line.fields[1][0].text
        try:
            if how == "include_dir":
                _check_blank(named)
            for each in _targets(how, named, path, self._files):
                # All of it first: a file that breaks off has said nothing.
                yield from list(self.lines(each, level + 1))
        except FileProblemError as problem:
            if not (problem.missing and how == "include_if_exists"):
                raise BadLineError(str(problem), 1) from None

    def _words(self, field: Field, number: int, path: str, level: int) -> Iterator[Token]:
        for index, token in enumerate(field):
            if not token.is_file:
                yield token
                continue
            try:
                for placed in self.lines(resolved(token.text[1:], path), level + 1):
                    if placed.problem is not None:
                        message = f"{placed.at(placed.problem)}: {placed.problem.message}"
                        raise BadLineError(message, number, index)
                    for words in placed.fields:
                        yield from words
            except FileProblemError as problem:
                raise BadLineError(str(problem), number, index) from None


def _settings(path: str, files: Files, level: int) -> Iterator[PlacedSetting]:
    for line in settings.parse(_read(files, path, level)):
        if line.error is not None:
            place = Place(path, line.number, line.error)
            yield PlacedSetting(place, None, "syntax error")
        elif (setting := line.setting) is None:
            continue
        elif not setting.is_include:
            yield PlacedSetting(Place(path, line.number, setting.column), setting)
        else:
            try:
                yield from _included_settings(setting, path, files, level + 1)
            except FileProblemError as problem:
                place = Place(path, line.number, setting.value_column)
                yield PlacedSetting(place, None, str(problem))


def _included_settings(
    setting: Setting, calling: str, files: Files, level: int
) -> Iterator[PlacedSetting]:
    _check_blank(setting.value)
    for each in _targets(setting.key, setting.value, calling, files):
        _check_other(each, calling)
        try:
            found = list(_settings(each, files, level))
        except FileProblemError as problem:
            # Whatever keeps it from being opened; a directory does not.
            optional = setting.key == "include_if_exists" and not problem.directory
            if not optional or isinstance(problem, RefusedFileError):
                raise
            continue
        yield from found


def _targets(how: str, named: str, calling: str, files: Files) -> list[str]:
    """Return the files that an include means; raise FileProblemError."""
    target = resolved(named, calling)
    if how != "include_dir":
        return [target]
    names = [name for name in files.names(target) if _is_conf(name)]
    return [posixpath.join(target, name) for name in sorted(names, key=_octets)]


def _check_blank(named: str) -> None:
    if not named.strip(" \t\r\n\v\f"):
        raise RefusedFileError("the name of what is included is empty")


def _check_other(target: str, calling: str) -> None:
    """Raise FileProblemError for a postgresql.conf's include of itself, refused at any depth."""
    if target == calling:
        raise RefusedFileError(f"{calling}: it includes itself")


def _is_conf(name: str) -> bool:
    return name.endswith(".conf") and not name.startswith(".")


def _octets(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _read(files: Files, path: str, level: int) -> bytes:
    if level > MOST_LEVELS:
        raise RefusedFileError(f"{path}: files include files too deeply")
    data = files.read(path)
    if len(data) > _MOST_BYTES:
        raise RefusedFileError(f"{path}: it has more than {_MOST_BYTES} bytes")
    return data
