"""A local list of passwords that are known to attackers, looked up without reading it whole.

Two formats, told apart by the first line:

- ``SHA-1`` in hex, with or without ``:COUNT``, one a line and sorted, as Have I Been Pwned's
  downloader writes it. A binary search reads some 30 blocks of a file of 40 GB.
- plain passwords, one a line, as lists of common ones are; read from end to end, so bounded.

The file is opened for each look, so that a new one can be moved into its place at any time. One
that cannot be used raises BreachListError: what happens then is for the caller to say.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pgward.core.errors import PgwardError
from pgward.system import files

MOST_PLAIN = 256 * 1024 * 1024  # bytes; read in some 0.2 s
_BLOCK = 4096
_CHUNK = 1024 * 1024
_LINE = re.compile(rb"([0-9A-Fa-f]{40})(?::\d{1,12})?")
_OTHER_HASH = re.compile(rb"[0-9A-Fa-f]{32}(:\d+)?|[0-9A-Fa-f]{64}(:\d+)?")
_MOST_LINE = 64  # 40 letters, a colon, a count, CR LF
_PROBES = 64
_BOM = b"\xef\xbb\xbf"


class BreachListError(PgwardError):
    """The list is missing, unreadable, or not what it should be."""


def contains(path: Path, password: str) -> bool:
    """Tell whether the list has this password; blocks. Raises BreachListError."""
    with _Opened(path) as opened:
        if opened.is_hashed:
            wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
            return _Sorted(opened).has(wanted.encode())
        return _has_line(opened, password.encode())


def examine(path: Path) -> str:
    """Say what the list is, after a look at lines all over it; raises BreachListError."""
    with _Opened(path) as opened:
        size = f"{opened.size:,} bytes"
        if not opened.is_hashed:
            return f"plain passwords, {size}"
        _Sorted(opened).probe()
        return f"sorted SHA-1, {size}"


class _Opened:
    """The file, its size and its format."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        try:
            self._descriptor = files.open_regular(self.path, os.O_RDONLY)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._look()
        except BaseException:  # Ctrl-C as well leaves no descriptor: __exit__ is not called
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _look(self) -> None:
        self.size = os.fstat(self._descriptor).st_size
        first = self.read(0, _BLOCK).removeprefix(_BOM).split(b"\n", 1)[0].strip()
        if not self.size:
            raise self.error("is empty")
        self.is_hashed = _LINE.fullmatch(first) is not None
        if self.is_hashed:
            return
        if _OTHER_HASH.fullmatch(first):
            raise self.error("has hashes that are not SHA-1")
        if b"\0" in first:
            raise self.error("is no text: is it compressed?")
        if self.size > MOST_PLAIN:
            raise self.error(f"has more than {MOST_PLAIN // 1024**2} MiB of plain passwords")

    def read(self, at: int, count: int) -> bytes:
        """Return up to ``count`` bytes; fewer at the end."""
        try:
            return os.pread(self._descriptor, count, at)
        except OSError as error:
            raise self._unreadable(error) from error

    def error(self, what: str) -> BreachListError:
        """Return the error that says what is wrong with it."""
        return BreachListError(
            f"the list of known passwords {self.path} {what}",
            hint="give a plain list, or SHA-1 hashes sorted by hash (HASH:COUNT)",
        )

    def _unreadable(self, error: OSError) -> BreachListError:
        reason = (error.strerror or str(error)).lower()
        return BreachListError(
            f"the list of known passwords {self.path} cannot be read: {reason}",
            hint="put it in its place again, readable for the authority",
        )


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int  # behind its line feed
    hash: bytes


class _Sorted:
    """A binary search over lines of SHA-1 hashes."""

    def __init__(self, opened: _Opened) -> None:
        self._opened = opened

    def has(self, wanted: bytes) -> bool:
        """Tell whether the hash is there; raise BreachListError where the order is broken."""
        low, high = 0, self._opened.size
        below, above = b"", b"G"  # hashes met at the borders: all between must be between these
        while low < high:
            line = self._line_after(low, (low + high) // 2, high)
            if line is None:
                high = (low + high) // 2
                continue
            if not below <= line.hash <= above:
                raise self._opened.error(f"is not sorted by hash (near byte {line.start:,})")
            if line.hash == wanted:
                return True
            if line.hash < wanted:
                low, below = line.end, line.hash
            else:
                high, above = line.start, line.hash
        return False

    def probe(self) -> None:
        """Raise BreachListError when lines all over the file are not in order."""
        last = b""
        at = -1
        for number in range(_PROBES):
            line = self._line_after(0, self._opened.size * number // _PROBES, self._opened.size)
            if line is None or line.start == at:
                continue
            if line.hash < last:
                raise self._opened.error(f"is not sorted by hash (near byte {line.start:,})")
            last, at = line.hash, line.start

    def _line_after(self, low: int, at: int, high: int) -> _Line | None:
        """Return the first line that starts in ``at`` (or later) and before ``high``."""
        begin = max(low, at - 1)  # the byte before may be the line feed that ends another
        block = self._opened.read(begin, 2 * _MOST_LINE + 2)
        skip = 0
        if begin != low:  # low is the start of a line
            skip = block.find(b"\n") + 1
            if not skip and len(block) > _MOST_LINE:
                raise self._opened.error(f"has a line that is too long (near byte {begin:,})")
            if not skip:
                return None
        start = begin + skip
        if start >= high:
            return None
        text, feed, _ = block[skip:].partition(b"\n")
        if start == 0:
            text = text.removeprefix(_BOM)
        match = _LINE.fullmatch(text.rstrip(b"\r"))
        end = start + len(block[skip:].partition(b"\n")[0]) + len(feed)
        if match is None:
            raise self._opened.error(f"has a line that is no SHA-1 hash (at byte {start:,})")
        return _Line(start, end, match[1].upper())


def _has_line(opened: _Opened, wanted: bytes) -> bool:
    """Look for a line in chunks, each beginning with what the last one's end could be part of."""
    if b"\n" in wanted or not wanted:
        return False
    rest = b"\n"  # so that every line has one before it
    at = len(_BOM) if opened.read(0, len(_BOM)) == _BOM else 0
    pattern = re.compile(rb"\n" + re.escape(wanted) + rb"\r?\n")
    while chunk := opened.read(at, _CHUNK):
        at += len(chunk)
        whole = rest + chunk
        if wanted in whole and pattern.search(whole):
            return True
        rest = whole[-(len(wanted) + 3) :]
    return pattern.search(rest + b"\n") is not None
