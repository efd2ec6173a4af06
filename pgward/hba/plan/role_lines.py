"""The lines of a pg_ident.conf that the role maps at the CA want, between marks of their own.

Pure. ``roles.section`` writes them. They say who may be whom now, so whoever puts an older file
back leaves them as they are: with the lines of then, people would have roles again that they lost.
"""

from pgward.core.errors import InvalidInputError
from pgward.hba.syntax.tokens import physical_lines

BEGIN = "# BEGIN pgward-roles"
END = "# END pgward-roles"


def span(data: bytes, where: str) -> tuple[int, int] | None:
    """Return the numbers of the lines of both marks, from 1; None without them.

    Raises InvalidInputError when they do not pair.
    """
    lines = physical_lines(data)
    begins = [n for n, line in enumerate(lines, 1) if _is_mark(line, BEGIN)]
    ends = [n for n, line in enumerate(lines, 1) if _is_mark(line, END)]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise InvalidInputError(
            f"the marks {BEGIN!r} and {END!r} do not stand there once each, in this order",
            where=f"{where}:{min(begins + ends)}",
            hint="remove them, and what lies between them, then try again",
        )
    return begins[0], ends[0]


def without(data: bytes, where: str) -> bytes:
    """Return the file without them; raises what ``span`` raises."""
    before, _, after = _parts(data, where)
    return before + after


def carried_over(data: bytes, present: bytes, where: str) -> bytes:
    """Return ``data`` with those that ``present`` has, where its own are, or else first."""
    before, _, after = _parts(data, where)
    _, lines, _ = _parts(present, where)
    if lines and not lines.endswith(b"\n"):
        lines += b"\n"
    return before + lines + after


def _parts(data: bytes, where: str) -> tuple[bytes, bytes, bytes]:
    """Return what stands before them, they themselves with their marks, and what comes after."""
    found = span(data, where)
    if found is None:
        return b"", b"", data
    lines = physical_lines(data)
    begin, end = found[0] - 1, found[1]
    return b"".join(lines[:begin]), b"".join(lines[begin:end]), b"".join(lines[end:])


def _is_mark(line: bytes, mark: str) -> bool:
    text = line.strip()
    return text == mark.encode() or text.startswith(mark.encode() + b" ")
