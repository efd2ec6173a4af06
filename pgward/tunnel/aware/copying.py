"""COPY data as text, passed without a look at every row.

Where rows are text, the only NUL bytes are in the headers of messages, and each row ends its
message with a line feed: so the last header in a buffer is found from its end, and that nothing
but rows stands before it by two searches for bytes that rows hardly hold. Where in doubt, nothing
is skipped, and rows are walked one by one as always.
"""

from pgward.pgwire.states import COPY_DATA

_LAST_ROW = b"\nd\0\0"  # the end of a row and the header of one below 64 KiB
_D = COPY_DATA
_HEADER = 5
_LEAST = 512  # bytes ahead, below which walking costs less


class CopyOut:
    """One COPY to the client: its rows, counted at its end by its tag."""

    __slots__ = ("_skipped", "_walked")

    def __init__(self) -> None:
        self._skipped = 0
        self._walked = 0

    def walked(self, rows: int) -> None:
        """Take that so many rows were counted one by one."""
        self._walked += rows

    def ahead(self, view: memoryview, at: int) -> int:
        """Return a place behind ``at`` where a row's message begins, or ``at`` itself."""
        if len(view) - at < _LEAST:
            return at
        data = bytes(view)
        found = data.rfind(_LAST_ROW, at + 1)
        # A row may end with "d", but a header may be one of 0x0a640000 bytes as well.
        while found > at and data[found - 1] in (_D, 0):
            found = data.rfind(_LAST_ROW, at + 1, found)
        if found <= at or _other_message(data, at, found):
            return at
        self._skipped += found + 1 - at
        return found + 1

    def finished(self, tag: bytes) -> tuple[int, int]:
        """Return how many rows and bytes of data were skipped, by the command's tag."""
        digits = tag.rpartition(b" ")[2]
        rows = max(0, int(digits) - self._walked) if digits.isdigit() and self._skipped else 0
        return rows, max(0, self._skipped - _HEADER * rows)


def _other_message(data: bytes, start: int, end: int) -> bool:
    """Tell whether the COPY ends, or an answer does, between two places."""
    for mark, header in ((b"\4", b"c\0\0\0"), (b"\5", b"Z\0\0\0")):
        at = data.find(mark, start, end)
        while at >= 0:
            if data.endswith(header, start, at):
                return True
            at = data.find(mark, at + 1, end)
    return False
