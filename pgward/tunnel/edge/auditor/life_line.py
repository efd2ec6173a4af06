"""The pipe by which the edge tells its auditor how to work, and when to end.

The first line is the settings. ``end SECONDS`` comes when the edge stops: all that is on tape, and
what sessions that end by then will still put there, has that long to be delivered. When the pipe
just closes, the edge's process has died: what is on tape now is done, and nothing waited for.
"""

import os
import select
import time
from typing import Final

from pgward.core.errors import InvalidInputError

_MOST = 64 * 1024
ABRUPT_SECONDS: Final = 10.0


def end_line(seconds: float) -> bytes:
    """Return what asks the auditor to end in order."""
    return f"end {seconds:.3f}\n".encode()


class LifeLine:
    """The auditor's end, a descriptor that is read; ``ends_at`` is None while the edge lives."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self.ends_at: float | None = None
        self.in_order = False

    def first_line(self) -> bytes:
        """Wait for the settings; raise InvalidInputError when the edge says none."""
        while b"\n" not in self._buffer:
            more = os.read(self._descriptor, _MOST)
            if not more or len(self._buffer) > _MOST:
                raise InvalidInputError("the auditor is started by `pgward edge serve` only")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        self._look()
        return line

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the edge says something."""
        if self.ends_at is not None:
            time.sleep(seconds)  # nothing can be heard any more: it is time that is waited for
            return
        if select.select([self._descriptor], [], [], seconds)[0]:
            self._take(os.read(self._descriptor, _MOST))

    @property
    def over(self) -> bool:
        """Whether the time to end has passed."""
        return self.ends_at is not None and time.monotonic() >= self.ends_at

    def _take(self, more: bytes) -> None:
        self._buffer += more
        self._look()
        if not more and self.ends_at is None:
            self.ends_at = time.monotonic() + ABRUPT_SECONDS

    def _look(self) -> None:
        word, _, rest = self._buffer.partition(b" ")
        if word == b"end" and rest.endswith(b"\n"):
            self.in_order = True
            self.ends_at = time.monotonic() + float(rest)
