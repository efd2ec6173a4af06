"""The marked block in a configuration file; every byte outside it stays as it was.

Pure. The first mark carries a digest of what stands below it, so that an edit by hand is seen.
Also knows which lines of postgresql.auto.conf would override a setting.
"""

import hashlib
import re
from dataclasses import dataclass

from pgward.core.errors import InvalidInputError
from pgward.hba.syntax.tokens import physical_lines

BEGIN = "# BEGIN pgward"
END = "# END pgward"
_BEGIN_LINE = f"{BEGIN} (pgward hba apply rewrites this block; sha256 {{}})"
_DIGEST = re.compile(rb"; sha256 ([0-9a-f]{16})\)\s*$")
_ASSIGNMENT = re.compile(rb"^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(?:=|\s)\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line ``name = value`` of a postgresql.conf; the name in lower case."""

    line: int
    name: str
    value: str


def at_start(data: bytes, content: str, where: str) -> bytes:
    """Return the file with the block as its first lines, the old block taken out.

    First, because in pg_hba.conf the first line that matches counts.
    """
    rest = without(data, where)
    return _block(content, _newline(rest)) + rest


def at_end(data: bytes, content: str, where: str) -> bytes:
    """Return the file with the block as its last lines, the old block taken out.

    Last, because in postgresql.conf the last value of a setting counts.
    """
    rest = without(data, where)
    if rest and not rest.endswith(b"\n"):
        rest += _newline(rest)
    return rest + _block(content, _newline(rest))


def without(data: bytes, where: str) -> bytes:
    """Return the file without the block; raise InvalidInputError when its marks do not pair."""
    span = find(data, where)
    if span is None:
        return data
    lines = physical_lines(data)
    return b"".join(lines[: span[0] - 1] + lines[span[1] :])


def find(data: bytes, where: str) -> tuple[int, int] | None:
    """Return the numbers of the lines of BEGIN and END (from 1), or None without a block."""
    lines = physical_lines(data)
    begins = [n for n, line in enumerate(lines, 1) if _is_mark(line, BEGIN)]
    ends = [n for n, line in enumerate(lines, 1) if _is_mark(line, END)]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        first = min(begins + ends)
        raise InvalidInputError(
            f"the marks {BEGIN!r} and {END!r} do not stand there once each, in this order",
            where=f"{where}:{first}",
            hint="remove them, and what lies between them, then try again",
        )
    return begins[0], ends[0]


def inside(data: bytes, where: str) -> bytes | None:
    """Return the lines between the marks, or None without a block."""
    span = find(data, where)
    return None if span is None else b"".join(physical_lines(data)[span[0] : span[1] - 1])


def edited(data: bytes, where: str) -> bool:
    """Tell whether someone changed the block since it was written.

    Line ends do not count: an editor may have changed them all. A block of a version that wrote
    no digest tells nothing.
    """
    span = find(data, where)
    if span is None:
        return False
    lines = physical_lines(data)
    told = _DIGEST.search(lines[span[0] - 1])
    return told is not None and told[1].decode() != _digest(lines[span[0] : span[1] - 1])


def bridge(before: bytes, after: bytes, where: str) -> bytes:
    """Return ``after`` with the lines of the block in ``before`` as well.

    For a pg_ident.conf that stands while pg_hba.conf changes from one map to another.
    """
    old, new = inside(before, where), inside(after, where)
    if old is None:
        return after
    if new is None:
        return before
    lines = physical_lines(after)
    begin, end = find(after, where) or (0, 0)
    inner = physical_lines(new)
    inner += [line for line in physical_lines(old) if line not in inner]
    newline = _newline(after)
    first = _BEGIN_LINE.format(_digest(inner)).encode() + newline
    return b"".join([*lines[: begin - 1], first, *inner, *lines[end - 1 :]])


def assignments(data: bytes) -> list[Assignment]:
    """Return the settings of a postgresql.conf in their order, includes as they stand."""
    found: list[Assignment] = []
    for number, line in enumerate(physical_lines(data), 1):
        match = _ASSIGNMENT.match(line)
        if match:
            value = match[2].rstrip().decode("utf-8", "surrogateescape")
            found.append(Assignment(number, match[1].decode().lower(), _value(value)))
    return found


def _value(text: str) -> str:
    if not text.startswith("'"):
        return text.partition("#")[0].strip()
    match = re.match(r"'((?:[^'\\]|''|\\.)*)'", text)
    return text if match is None else match[1].replace("''", "'").replace("\\\\", "\\")


def _block(content: str, newline: bytes) -> bytes:
    lines = content.encode("utf-8", "surrogateescape")
    first = _BEGIN_LINE.format(_digest(physical_lines(lines))).encode()
    return b"".join([first, b"\n", lines, END.encode(), b"\n"]).replace(b"\n", newline)


def _digest(lines: list[bytes]) -> str:
    plain = b"".join(line.rstrip(b"\r\n") + b"\n" for line in lines)
    return hashlib.sha256(plain).hexdigest()[:16]


def _newline(data: bytes) -> bytes:
    first = data.partition(b"\n")
    return b"\r\n" if first[1] and first[0].endswith(b"\r") else b"\n"


def _is_mark(line: bytes, mark: str) -> bool:
    text = line.strip()
    return text == mark.encode() or text.startswith(mark.encode() + b" (")
