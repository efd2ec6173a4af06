"""csvlog (PostgreSQL manual, 19.8.4): the first 23 columns are the same in each version.

A record that was cut off, on a full disk, leaves a quote open for the rest of the file. So where
more is in quotes than any message of a connection is long, lines that are whole records by
themselves are read, and are doubtful: they may as well be a statement's text.
"""

import csv
import re
from dataclasses import replace
from datetime import UTC, tzinfo

from pgward.hba.logs.record import FATAL, INTERESTING, MAX_RECORD, Record, moment

_TIME, _USER, _DATABASE, _PID, _FROM, _SESSION = range(6)
_SEVERITY, _STATE, _MESSAGE, _DETAIL = 11, 12, 13, 14
_CONTEXT, _QUERY = 18, 19
_LEAST = 23
_BEGINS = re.compile(rb"\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ")


class CsvReader:
    """Fed bytes, gives records; a record ends with a line whose quotes are all closed."""

    def __init__(self, offset: int = 0, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._rest = b""
        self._at = offset  # where the lines begin that make no record yet
        self._lines: list[bytes] = []
        self._size = 0
        self._open = False

    @property
    def position(self) -> int:
        """Where to read on from."""
        return self._at

    def feed(self, data: bytes) -> list[Record]:
        """Return what became whole."""
        found: list[Record] = []
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._size += len(line) + 1
            if self._size <= MAX_RECORD:
                self._lines.append(line)
            is_odd = bool(line.count(b'"') & 1)
            self._open ^= is_odd
            if not self._open:
                found += self._made() if self._size <= MAX_RECORD else []
                self._at += self._size
                self._lines, self._size = [], 0
            elif self._size > MAX_RECORD and not is_odd and _BEGINS.match(line):
                found += self._within(line)
        self._shorten()
        return found

    def flush(self) -> list[Record]:
        """Return nothing: what is not whole yet, comes."""
        return []

    def _shorten(self) -> None:
        """Forget what is too long to be of use, but for whether a quote is open."""
        if len(self._rest) > MAX_RECORD:
            self._open ^= bool(self._rest.count(b'"') & 1)
            self._size += len(self._rest)
            self._rest, self._lines = b"", []

    def _made(self) -> list[Record]:
        record = self._read(b"\n".join(self._lines), self._at)
        return [] if record is None else [record]

    def _within(self, line: bytes) -> list[Record]:
        record = self._read(line, self._at + self._size - len(line) - 1)
        return [] if record is None else [replace(record, doubtful=True)]

    def _read(self, whole: bytes, offset: int) -> Record | None:
        if not INTERESTING.search(whole):
            return None
        text = whole.decode("utf-8", "replace").replace("\0", "")
        try:
            row = next(csv.reader([text], strict=True))
        except (csv.Error, StopIteration):
            return None
        if len(row) < _LEAST or not row[_PID].isdigit():
            return None
        if (row[_CONTEXT] or row[_QUERY]) and row[_SEVERITY] != FATAL:
            return None
        host, _, port = row[_FROM].rpartition(":")
        return Record(
            offset=offset,
            severity=row[_SEVERITY],
            message=row[_MESSAGE],
            time=moment(row[_TIME], self._zone),
            detail=row[_DETAIL],
            sqlstate=row[_STATE] or None,
            session=row[_SESSION] or None,
            pid=int(row[_PID]),
            user=row[_USER] or None,
            database=row[_DATABASE] or None,
            host=(host if port.isdigit() else row[_FROM]) or None,
            port=int(port) if port.isdigit() and host else None,
        )
