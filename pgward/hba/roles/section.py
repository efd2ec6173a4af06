"""Our lines of pg_ident.conf, between marks of their own; every other byte stays as it was.

The first mark holds a digest of the lines, so that a change by hand is seen.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pgward.core.errors import InvalidInputError
from pgward.hba.plan import role_lines
from pgward.hba.plan.role_lines import BEGIN, END
from pgward.hba.syntax import mappings, tokens
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.tokens import Line, physical_lines, quote
from pgward.hba.syntax.versions import Abilities

_HEAD = "# MAPNAME  CERTIFICATE-NAME  ROLE  (`pgward hba roles` writes these; change the RoleMap)"
_DIGEST = re.compile(rb" sha256:([0-9a-f]{64})\s*$")
_INCLUDES = frozenset({"include", "include_if_exists", "include_dir"})

Pair = tuple[str, str]
"""The name in a certificate, and a role."""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands between the marks: pairs of this map, and whether somebody changed it."""

    pairs: frozenset[Pair] = frozenset()
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """A line of our map outside the marks; ``pattern`` when it is for many people."""

    line: int
    name: str
    role: str
    pattern: bool


def read(data: bytes, map_name: str, able: Abilities, where: str) -> Section | None:
    """Return what stands between the marks; None without them, InvalidInputError when unpaired."""
    span = role_lines.span(data, where)
    if span is None:
        return None
    lines = physical_lines(data)
    content = b"".join(lines[span[0] : span[1] - 1])
    said = _DIGEST.search(lines[span[0] - 1])
    edited = said is None or said[1].decode() != _digest(content)
    found = set()
    for line in tokens.parse(content, continuation=able.continuation):
        mapping = _mapping(line, able)
        if mapping is not None and mapping.map == map_name:
            found.add((mapping.system.text, mapping.role.text))
    return Section(frozenset(found), edited)


def put(data: bytes, pairs: Iterable[Pair], map_name: str, where: str) -> bytes:
    """Return the file with these pairs between the marks: where they are, or else first."""
    newline = b"\r\n" if data.partition(b"\n")[0].endswith(b"\r") else b"\n"
    lines = [_HEAD, *(f"{map_name}  {name}  {quote(role)}" for name, role in sorted(pairs))]
    content = b"".join(line.encode() + newline for line in lines)
    begin = f"{BEGIN} sha256:{_digest(content)}".encode() + newline
    block = begin + content + END.encode() + newline
    span = role_lines.span(data, where)
    if span is None:
        return block + data
    before = physical_lines(data)
    return b"".join([*before[: span[0] - 1], block, *before[span[1] :]])


def others(data: bytes, map_name: str, able: Abilities, where: str) -> list[Other]:
    """Return the lines of the map outside the marks: whom they name, gets in as well."""
    span = role_lines.span(data, where) or (0, 0)
    found = []
    for line in tokens.parse(data, continuation=able.continuation):
        if span[0] <= line.number <= span[1]:
            continue
        mapping = _mapping(line, able)
        if mapping is not None and mapping.map == map_name:
            name, role = mapping.system.text, mapping.role.text
            found.append(Other(line.number, name, role, name.startswith("/")))
    return found


def check(data: bytes, able: Abilities, where: str) -> None:
    """Raise InvalidInputError for a line that the server would not take: it then takes none."""
    for line in tokens.parse(data, continuation=able.continuation):
        if not line.fields or _is_include(line, able):
            continue
        try:
            mappings.read(line.fields, able)
        except BeyondUsError:
            continue  # the server reads it, and it is none of ours
        except BadLineError as error:
            number, column = line.place(error.field, error.token)
            raise InvalidInputError(
                error.message,
                where=f"{where}:{number}:{column}",
                hint="mend it first; nothing was changed",
            ) from error


def _mapping(line: Line, able: Abilities) -> mappings.Mapping | None:
    if not line.fields or _is_include(line, able):
        return None
    try:
        return mappings.read(line.fields, able)
    except (BadLineError, BeyondUsError):
        return None  # `check` tells of what the server refuses


def _is_include(line: Line, able: Abilities) -> bool:
    return able.includes and len(line.fields) == 2 and line.words[0] in _INCLUDES  # noqa: PLR2004


def _digest(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
