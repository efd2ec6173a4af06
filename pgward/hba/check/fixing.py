"""Make fixes of what a subject's files have, and carry them out on their bytes.

A fix is offered only where the bytes are known and stand once in what the server reads: a file
that is included twice has lines that mean something else each time. The block of ``pgward hba
apply`` is apply's: nothing in it is changed, and nothing taken out because of what it says now.
"""

import re
from collections import Counter
from collections.abc import Iterable

from pgward.hba.check.comments import MARK
from pgward.hba.check.fix import Edit
from pgward.hba.check.reached import once
from pgward.hba.check.subject import Subject
from pgward.hba.syntax import tokens
from pgward.hba.syntax.files import Placed

_AUTO_FILE = "postgresql.auto.conf"  # of ALTER SYSTEM, and not to be edited by hand
_BLOCK = re.compile(rb"^# BEGIN pgward.*?(?:^# END pgward|\Z)", re.DOTALL | re.MULTILINE)
_VALUE = re.compile(rb"'(?:[^'\\\n]|\\.|'')*'|[^ \t\r\n#']+")
_WORD = re.compile(rb"[^ \t\r\n,\"#]+")


class StaleFixError(Exception):
    """A fix that does not fit what it is to be made on."""


def without_line(subject: Subject, line: Placed, because: Placed) -> Edit | None:
    """Return a fix that takes a line out, with all that it continues on, for another's sake."""
    found = _at(subject, line)
    if found is None or _at(subject, because) is None:
        return None
    start, data = found
    above = data.rfind(b"\n", 0, max(start - 1, 0)) + 1
    if MARK.encode() in data[above:start]:
        return None  # what a comment says of this line it would say of the next one
    raw, number = line.line.raw, line.line.number
    rows = len(tokens.physical_lines(raw))
    ends = (number + rows, 1) if raw.endswith(b"\n") else _behind(raw, number + rows - 1)
    return Edit(line.path, start, start + len(raw), b"", (number, 1), ends)


def of_option(
    subject: Subject, line: Placed, name: str, value: str, wanted: str | None
) -> Edit | None:
    """Return a fix that gives an option another value, or with None takes it out."""
    found = _at(subject, line)
    old = f"{name}={value}".encode()
    if found is None or line.line.starts or line.fields != line.line.fields:
        return None
    start, _ = found
    raw = line.line.raw.partition(b"#")[0]
    if b'"' in raw or [each[0] for each in _words(raw)].count(old) != 1:
        return None
    (at,) = (where for word, where in _words(raw) if word == old)
    end, number = at + len(old), line.line.number
    if wanted is None:
        at = len(raw[:at].rstrip(b" \t"))
        if raw[at : at + 1] not in {b" ", b"\t"} or raw[end : end + 1] == b",":
            return None
    new = b"" if wanted is None else f"{name}={wanted}".encode()
    places = _behind(raw[:at], number), _behind(raw[:end], number)
    return Edit(line.path, start + at, start + end, new, *places)


def of_setting(subject: Subject, name: str, value: str) -> Edit | None:
    """Return a fix that sets a setting, where it is set or at the end of postgresql.conf.

    None where ALTER SYSTEM or the way in which the server was started says something else.
    """
    found = subject.placed_setting(name)
    if found is None or found.setting is None:
        data = subject.texts.get(subject.config)
        if data is None:
            return None
        line_end = b"" if not data or data.endswith(b"\n") else b"\n"
        text = line_end + f"{name} = {value}\n".encode()
        rows = tokens.physical_lines(data)
        last = (len(rows) + 1, 1) if not line_end else _behind(rows[-1], len(rows))
        return Edit(subject.config, len(data), len(data), text, last, last)
    path, number = found.place.path, found.place.line
    data = subject.texts.get(path)
    if data is None or path.rpartition("/")[2] == _AUTO_FILE:
        return None
    start = _starts(subject, path)[number - 1]
    if any(begin <= start < end for begin, end in _blocks(subject, path)):
        return None
    raw = tokens.physical_lines(data[start:])[0]
    before = raw.decode("utf-8", "surrogateescape")[: found.setting.value_column - 1]
    at = len(before.encode("utf-8", "surrogateescape"))
    written = _VALUE.match(raw, at)
    if written is None:
        return None
    end = written.end()
    places = _behind(raw[:at], number), _behind(raw[:end], number)
    return Edit(path, start + at, start + end, value.encode(), *places)


def carried_out(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return what a file becomes; what is within a part that goes is not looked at.

    Raises StaleFixError for other edits that overlap, or that lie beyond the file.
    """
    made: list[bytes] = []
    at, gone = 0, False
    for each in sorted(set(edits), key=lambda edit: (edit.start, -edit.end)):
        if gone and each.end <= at and each.start < at:
            continue
        gone = not each.text
        if not at <= each.start <= each.end <= len(data):
            raise StaleFixError(f"{each.path} is not as it was read")
        made += data[at : each.start], each.text
        at = each.end
    return b"".join([*made, data[at:]])


def _at(subject: Subject, line: Placed) -> tuple[int, bytes] | None:
    """Return where a line begins in its file, and the file; None where that is not certain."""
    data = subject.texts.get(line.path)
    if data is None or _times(subject)[line.path, line.line.number] != 1:
        return None
    start = _starts(subject, line.path)[line.line.number - 1]
    if any(begin <= start < end for begin, end in _blocks(subject, line.path)):
        return None
    raw = line.line.raw
    return (start, data) if data[start : start + len(raw)] == raw else None


def _times(subject: Subject) -> Counter[tuple[str, int]]:
    """Return how many times the server reads each line."""
    return once(
        subject,
        "times that lines are read",
        lambda: Counter((e.path, e.line.number) for e in (*subject.hba, *subject.ident)),
    )


def _blocks(subject: Subject, path: str) -> list[tuple[int, int]]:
    """Return where the blocks of ``pgward hba apply`` begin and end in a file."""

    def make() -> list[tuple[int, int]]:
        return [each.span() for each in _BLOCK.finditer(subject.texts[path])]

    return once(subject, f"blocks in {path}", make)


def _starts(subject: Subject, path: str) -> list[int]:
    """Return where the lines of a file begin."""

    def make() -> list[int]:
        return [0, *(each.end() for each in re.finditer(b"\n", subject.texts[path]))]

    return once(subject, f"where lines begin in {path}", make)


def _words(raw: bytes) -> list[tuple[bytes, int]]:
    return [(each[0], each.start()) for each in _WORD.finditer(raw)]


def _behind(raw: bytes, number: int) -> tuple[int, int]:
    """Return the place behind some bytes at the beginning of a line."""
    last = raw.rpartition(b"\n")[2]
    return number, len(last.decode("utf-8", "surrogateescape")) + 1
