"""Searching records: the index says which chunks, those are read, newest or oldest first.

Nothing is held but what may still be among the next records. A page ends when it is full, or when
its time is over; its cursor says where the next one goes on, whatever came in meanwhile. A record
that stands in two chains, as its edge had to begin another, is shown once.
"""

import re
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from pgward.audit.chain.lines import record_of
from pgward.ca.archive import index, reading
from pgward.ca.archive.index import Chunk, Wanted
from pgward.ca.archive.matching import Matcher, Text
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.store import Store
from pgward.core.clock import parse_rfc3339, precise_rfc3339
from pgward.core.errors import InvalidInputError, PgwardError

MOST_RECORDS: Final = 1000
SECONDS: Final = 4.0  # of one page
_MOST_BYTES: Final = 16 * 1024 * 1024  # of a page
_ARRIVALS: Final = 50  # chunks in one answer to who follows
_MOST_SHOWN: Final = 10_000
_CURSOR = re.compile(
    r"(new|old),(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z),([a-z0-9~-]{0,63}),([0-9a-f]{0,16}),(\d{1,18})"
)

Key = tuple[str, str, str, int]
"""A record's place in the order of all: its time, edge, chain and number."""
Found = tuple[Key, bytes]
"""A record's place, and its line."""
Said = tuple[str, bytes]
"""A record without its place: the same in each chain of its edge."""


@dataclass(slots=True)
class Page:
    """Lines in their order; ``cursor`` is None behind the last, ``lost`` are unreadable chunks.

    ``cursors`` lead on from behind each line.
    """

    lines: list[bytes] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    cursor: str | None = None
    records: int = 0  # that were looked at
    chunks: int = 0
    lost: list[dict[str, Any]] = field(default_factory=list)


class Search:
    """Reads the archive; any thread may use it. ``monotonic`` tells seconds."""

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        threads: Executor,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        seconds: float = SECONDS,
    ) -> None:
        self._store = store
        self._objects = objects
        self._threads = threads
        self._monotonic = monotonic
        self._seconds = seconds

    def page(
        self,
        wanted: Wanted,
        text: Text,
        *,
        limit: int = 100,
        newest: bool = True,
        cursor: str | None = None,
    ) -> Page:
        """Return the next records in the order of their times.

        Raises InvalidInputError for a cursor or an expression that is none, UnavailableError when
        the objects cannot be reached.
        """
        place = None if cursor is None else _read_cursor(cursor, newest=newest)
        moment = None if place is None else parse_rfc3339(place[0])
        sorting = _Sorting(Matcher(wanted, text), limit, newest=newest, place=place)
        rows = index.by_time(self._store, wanted, newest=newest, place=moment)
        with closing(self._read(rows, sorting.page)) as chunks:
            return sorting.run(chunks, self._deadline())

    def arrived(self, wanted: Wanted, text: Text, *, after: int) -> tuple[Page, int]:
        """Return what came in after an arrival, and the arrival up to which that goes."""
        matcher, page, is_over = Matcher(wanted, text), Page(), self._deadline()
        with self._store.read() as connection:
            newest = index.last_arrival(connection)
            rows = index.by_arrival(connection, wanted, after=after, most=_ARRIVALS)
        with closing(self._read(rows, page)) as chunks:
            for row, lines in chunks:
                page.lines += [line for line, _ in matcher.find(lines)]
                after = row["arrival"]
                if is_over() or len(page.lines) >= MOST_RECORDS:
                    return page, after
        return page, after if len(rows) == _ARRIVALS else max(after, newest)

    def _read(
        self, rows: Iterable[Chunk], page: Page
    ) -> Generator[tuple[Chunk, list[bytes]], None, None]:
        """Yield chunks with their lines; one that cannot be read is told of in the page."""
        with closing(reading.ahead(self._objects, rows, self._threads)) as coming:
            for row, read in coming:
                lines: list[bytes] = []
                try:
                    lines = read()
                except PgwardError as error:
                    told = reading.lost(row, error)
                    if self._is_kept(row):
                        page.lost.append(told)
                page.records += len(lines)
                page.chunks += 1
                yield row, lines

    def _is_kept(self, row: Chunk) -> bool:
        """Tell whether a chunk has not been purged meanwhile."""
        with self._store.read() as connection:
            return index.find(connection, row["edge"], row["chain"], row["first_seq"]) is not None

    def _deadline(self) -> Callable[[], bool]:
        until = self._monotonic() + self._seconds
        return lambda: self._monotonic() > until


class _Sorting:
    """One page in the order of time: what was found, and may still come behind what is unread."""

    def __init__(self, matcher: Matcher, limit: int, *, newest: bool, place: Key | None) -> None:
        self._matcher = matcher
        self._limit = limit
        self._newest = newest
        self._place = place
        self.page = Page()
        self._found: list[Found] = []
        self._shown: set[Said] = set()  # of the time at which this page begins

    def run(self, chunks: Iterable[tuple[Chunk, list[bytes]]], is_over: Callable[[], bool]) -> Page:
        """Read chunk after chunk until no unread one can have a record of this page."""
        for row, lines in chunks:
            # No record of this chunk, or of one behind it, comes before this time.
            bound = precise_rfc3339(row["last_time"] if self._newest else row["first_time"])
            settled = [each for each in self._found if self._is_before(each[0][0], bound)]
            if len(settled) >= self._limit:
                return self._end(settled, _cursor(settled[self._limit - 1][0], self._newest))
            if is_over() and (self._place is None or self._is_before(self._place[0], bound)):
                # The next page takes all from this time on; so each page goes on at least a bit.
                first = (bound, "~" if self._newest else "", "", 0)
                return self._end(settled, _cursor(first, self._newest))
            self._add(row, lines)
        more = len(self._found) > self._limit
        last = _cursor(self._found[self._limit - 1][0], self._newest) if more else None
        return self._end(self._found, last)

    def _end(self, found: list[Found], cursor: str | None) -> Page:
        size = 0
        for key, line in found[: self._limit]:
            if _said(key, line) in self._shown:
                continue
            self.page.lines.append(line)
            self.page.cursors.append(_cursor(key, self._newest))
            size += len(line)
            if size > _MOST_BYTES:
                cursor = _cursor(key, self._newest)
                break
        self.page.cursor = cursor
        return self.page

    def _add(self, row: Chunk, lines: list[bytes]) -> None:
        new = []
        for line, record in self._matcher.find(lines):
            key = (record["time"], row["edge"], row["chain"], record["seq"])
            if self._is_new(key):
                new.append((key, line))
            elif self._place and key[0] == self._place[0] and len(self._shown) < _MOST_SHOWN:
                self._shown.add(_said(key, line))
        if len(self._found) > self._limit:
            last = self._found[-1]
            new = [each for each in new if (each > last) is self._newest]
        if new:
            once: dict[Said, Found] = {}
            for each in sorted([*self._found, *new], reverse=self._newest):
                once.setdefault(_said(*each), each)
            # One more than fits tells whether there is another page.
            self._found = list(islice(once.values(), self._limit + 1))

    def _is_new(self, key: Key) -> bool:
        if self._place is None:
            return True
        return key < self._place if self._newest else key > self._place

    def _is_before(self, moment: str, bound: str) -> bool:
        return moment > bound if self._newest else moment < bound


def _said(key: Key, line: bytes) -> Said:
    return key[1], record_of(line)


def _cursor(key: Key, newest: bool) -> str:
    return ",".join(["new" if newest else "old", *map(str, key)])


def _read_cursor(text: str, *, newest: bool) -> Key:
    found = _CURSOR.fullmatch(text)
    if found is None or (found[1] == "new") is not newest:
        raise InvalidInputError("that cursor is of another search")
    return found[2], found[3], found[4], int(found[5])
