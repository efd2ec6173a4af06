"""One session's exchanges: what a frontend has asked for and a backend has not answered yet.

Follows both ends of a session message by message, live or from a record, and is never wrong for
long: what does not fit is passed over. PostgreSQL answers in order; after an error in the
extended protocol it ignores all up to the next Sync; while it takes COPY data it ignores Flush
and Sync (manual, chapter 54.2.3 "Extended Query" and 54.2.6 "COPY Operations").
"""

from collections import deque
from typing import Protocol

from pgward.pgwire.states import (
    COPY_DONE,
    COPY_ENDS,
    COPY_FAIL,
    ENDS,
    IDLE,
    NAMING,
    READY_ENDS,
    SYNC,
    UNANSWERED,
)


class Watcher(Protocol):
    """Is told of each Parse, Bind and Close, in order, what became of it."""

    def confirmed(self) -> None:
        """Take that the oldest one was done."""
        ...

    def dropped(self) -> None:
        """Take that the oldest one failed, or was ignored after an error."""
        ...


class Exchange:
    """What is awaited, oldest first, in ``queue``; ``status`` is the last ReadyForQuery's.

    ``deaf``: the backend ignores what is said now, at least in part, so that ``sent`` must look
    at it; else who is in a hurry may append to ``queue`` what ENDS or COPY_ENDS know. ``at_ready``:
    nothing was answered since the last ReadyForQuery.
    """

    __slots__ = ("_copying", "_skipping", "at_ready", "deaf", "queue", "status", "watcher")

    def __init__(self, watcher: Watcher | None = None) -> None:
        self.queue: deque[int] = deque()
        self.status = IDLE
        self.deaf = False
        self.watcher = watcher
        self._skipping = False
        self._copying = False
        self.at_ready = True

    @property
    def idle(self) -> bool:
        """Whether ReadyForQuery was the last word, and nothing was asked for since."""
        return self.at_ready and not self.queue and not self.deaf

    @property
    def in_transaction(self) -> bool:
        """Whether the last ReadyForQuery came within a transaction, failed or not."""
        return self.status != IDLE

    @property
    def copying(self) -> bool:
        """Whether the backend takes COPY data."""
        return self._copying

    def sent(self, kind: int) -> bool:
        """Take what the frontend said; return whether an answer is awaited."""
        if kind in UNANSWERED:
            return False
        if self._skipping:
            if kind != SYNC:
                return False
            self._skipping = self.deaf = False
        elif self._copying:
            if kind in COPY_ENDS:
                self._copying = self.deaf = False
            return False
        self.queue.append(kind)
        return True

    def came(self, kind: int) -> None:
        """Take what the backend said, other than an error, ReadyForQuery or the start of COPY."""
        queue = self.queue
        self._pass_over_strays()
        if queue and kind in ENDS[queue[0]]:
            self.at_ready = False
            asked = queue.popleft()
            if self.watcher is not None and asked in NAMING:
                self.watcher.confirmed()

    def failed(self) -> None:
        """Take an ErrorResponse."""
        if self._copying:
            self._copying = self.deaf = False
        queue = self.queue
        self._pass_over_strays()
        if not queue or queue[0] in READY_ENDS:
            return  # what it belongs to ends with ReadyForQuery, or nothing was asked
        self.at_ready = False
        while queue and queue[0] != SYNC:
            self._drop()
        if not queue:
            self._skipping = self.deaf = True

    def ready(self, status: int) -> None:
        """Take a ReadyForQuery."""
        self.status = status
        self.at_ready = True
        self._skipping = self._copying = self.deaf = False
        queue = self.queue
        while queue and self._drop() not in READY_ENDS:
            pass

    def copy_in(self) -> None:
        """Take a CopyInResponse or CopyBothResponse: no Sync up to the data's end is answered."""
        self._pass_over_strays()
        queue = self.queue
        if not queue:
            return
        kept, rest = [queue.popleft()], list(queue)
        ends = next((n for n, kind in enumerate(rest) if kind in COPY_ENDS), None)
        within = rest if ends is None else rest[:ends]
        kept += [kind for kind in within if kind != SYNC]
        if ends is None:
            self._copying = self.deaf = True
        else:
            kept += rest[ends + 1 :]
        queue.clear()
        queue.extend(kept)

    def _pass_over_strays(self) -> None:
        """Forget ends of COPY data that nobody takes: the backend ignores them."""
        queue = self.queue
        while queue and (queue[0] == COPY_DONE or queue[0] == COPY_FAIL):
            queue.popleft()

    def _drop(self) -> int:
        kind = self.queue.popleft()
        if self.watcher is not None and kind in NAMING:
            self.watcher.dropped()
        return kind
