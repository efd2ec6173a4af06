"""libpq's ``pg_service.conf`` as text: our sections put in, replaced and taken out. Pure.

A section of ours stands between two marks, each a comment. Everything else in the file is the
person's own and stays as it is, byte for byte (PostgreSQL manual, chapter 34.17). libpq takes
the first section of a name, cuts white space at the end of a line, and knows no quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgward.client.config.facts import Facts
from pgward.client.config.formats import libpq
from pgward.core.errors import ConflictError, InvalidInputError

# A libpq that comes to a longer line gives the whole file up (bytes, without the line's end).
MOST_IN_OLD_LINE = 253  # of libpq 13 and older
MOST_IN_LINE = 1021
_BEGIN = "# pgward begin "
_END = "# pgward end "
_HOME = "# home "
_NATIVE = "# native "
_MARK = re.compile(rb"\s*# pgward (begin|end) ([a-z0-9-]{1,63})\s*")
_HEADER = re.compile(rb"\s*\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of the file: a section of ours with its name, or what is the person's own (None)."""

    name: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """A section of ours: for which home, with which settings, and the way that was wanted.

    ``native`` is None through a tunnel, else the host that was named, "" for the server's own.
    """

    home: str
    settings: Mapping[str, str]
    native: str | None


def section(facts: Facts, home: str, *, native: str | None = None) -> bytes:
    """Return a section with its marks; raise InvalidInputError for what libpq cannot read."""
    lines = [f"{_BEGIN}{facts.service}", f"{_HOME}{home}"]
    lines += [*([] if native is None else [f"{_NATIVE}{native}"]), f"[{facts.service}]"]
    for key, value in libpq.fields(facts).items():
        if value != value.rstrip():
            raise InvalidInputError(
                f"a service file cannot hold {key} {value!r}, which ends in a space",
                hint=f"pgward config show {facts.service} --for libpq",
            )
        lines.append(f"{key}={value}")
    lines.append(f"{_END}{facts.service}")
    data = "\n".join(lines).encode() + b"\n"
    if longest(data) > MOST_IN_LINE:
        raise InvalidInputError(
            "libpq cannot read such long paths in a service file",
            hint="set PGWARD_HOME to a shorter path",
        )
    return data


def longest(data: bytes) -> int:
    """Return how many bytes the longest line has."""
    return max(map(len, data.splitlines()), default=0)


def parse(data: bytes) -> list[Part]:
    """Split a file; raise InvalidInputError when our marks do not match each other."""
    parts: list[Part] = []
    open_name: str | None = None
    lines: list[bytes] = []
    begun = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        mark = _MARK.fullmatch(line)
        if mark is None:
            lines.append(line)
            continue
        begins, name = mark[1] == b"begin", mark[2].decode()
        if begins == (open_name is not None) or (not begins and name != open_name):
            raise _unmatched(number)
        if begins:
            parts.append(Part(None, b"".join(lines)))
            lines, open_name, begun = [line], name, number
        else:
            parts.append(Part(open_name, b"".join([*lines, line])))
            lines, open_name = [], None
    if open_name is not None:
        raise _unmatched(begun)
    parts.append(Part(None, b"".join(lines)))
    return [part for part in parts if part.data]


def _unmatched(number: int) -> InvalidInputError:
    return InvalidInputError(
        f"line {number} marks a section of pgward, and its other mark is missing",
        hint="remove that section with its marks, and try again",
    )


def ours(data: bytes) -> dict[str, Section]:
    """Return the sections of ours."""
    return {part.name: _read(part.data) for part in parse(data) if part.name is not None}


def _read(data: bytes) -> Section:
    lines = data.decode("utf-8", "replace").split("\n")
    homes = [line.removeprefix(_HOME) for line in lines if line.startswith(_HOME)]
    pairs = (line.partition("=") for line in lines if line[:1] not in ("#", "["))
    settings = {key: value for key, equals, value in pairs if equals}
    hosts = [line.removeprefix(_NATIVE) for line in lines if line.startswith(_NATIVE)]
    return Section(homes[0] if homes else "", settings, hosts[0].strip() if hosts else None)


def edit(data: bytes, wanted: Mapping[str, bytes | None]) -> bytes:
    """Return the file with sections of these names put in, replaced or, for None, taken out.

    New ones go to the end. Raises ConflictError when the person has a section of such a name,
    which libpq would take instead of ours, or ours instead of theirs.
    """
    parts = parse(data)
    for name, content in wanted.items():
        if content is not None and (line := own_line(data, name)) is not None:
            raise ConflictError(
                f"line {line} has a section [{name}] of your own",
                hint="rename or remove it, and try again",
            )
    there = {part.name for part in parts if part.name is not None}
    kept = [_changed(part, wanted) for part in parts]
    added = [content for name, content in wanted.items() if content and name not in there]
    before = b"".join(kept)
    if added and before and not before.endswith(b"\n"):
        before += b"\n"
    return before + b"".join(added)


def _changed(part: Part, wanted: Mapping[str, bytes | None]) -> bytes:
    if part.name is None or part.name not in wanted:
        return part.data
    return wanted[part.name] or b""


def place(environ: Mapping[str, str], user_home: Path) -> Path:
    """Return libpq's file of services for a person (PostgreSQL manual, chapter 34.17)."""
    override = environ.get("PGSERVICEFILE")
    return Path(override).absolute() if override else user_home / ".pg_service.conf"


def header_lines(data: bytes) -> dict[str, list[int]]:
    """Return in which lines a section of each name begins; libpq takes the first of them."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if header := _HEADER.match(line):
            found.setdefault(header[1].decode("utf-8", "replace"), []).append(number)
    return found


def own_line(data: bytes, name: str) -> int | None:
    """Return the number of the line with a section of this name that is not ours."""
    number = 0
    for part in parse(data):
        for line in part.data.splitlines(keepends=True):
            number += 1
            header = _HEADER.match(line)
            if part.name is None and header and header[1] == name.encode():
                return number
    return None
