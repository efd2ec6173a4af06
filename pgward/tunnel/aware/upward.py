"""What a client says, on its way to PostgreSQL: read strictly, put on tape, ruled.

Nothing is passed on before it is on tape, and no message before its header is known to be one. A
message that is not all there waits for its rest if it is a short one; COPY data and large
messages pass in pieces, but for statements of up to 1 MiB where a rule is about statements.
"""

import json
from struct import Struct

from pgward.audit.tape.frames import COUNT, DENIED, MOST_WHOLE, UP, run
from pgward.pgwire.body import decoded
from pgward.pgwire.errors import WireError
from pgward.pgwire.states import (
    COPY_DATA,
    COPY_ENDS,
    FLUSH,
    LEAST,
    MOST_LENGTH,
    NAMING,
    PARSE,
    TERMINATE,
)
from pgward.tunnel.aware.gathering import ROOM, Gathering, Room
from pgward.tunnel.aware.hiding import Hiding, suspicious
from pgward.tunnel.aware.judging import TEXTS, Glancing, Judging
from pgward.tunnel.aware.passing import saying
from pgward.tunnel.aware.pending import Pending
from pgward.tunnel.aware.pieces import Pieces
from pgward.tunnel.aware.rows import count
from pgward.tunnel.aware.ruling import Denial, DeniedError, Rest, Ruling
from pgward.tunnel.aware.shapes import MOST, said

_HEADER = 5
_LEARN_EACH = 4  # in some sessions nothing is said twice
_UNANSWERED = frozenset({FLUSH, TERMINATE})
_AWAITED = bytes(set(MOST_LENGTH) - _UNANSWERED)
# The longest length, by type, of messages that may go straight on.
_LONGEST = [
    0 if kind == COPY_DATA or kind in COPY_ENDS else min(MOST_LENGTH.get(kind, 0), MOST_WHOLE - 1)
    for kind in range(256)
]
_WAYS = {ord("Q"): "query", ord("P"): "parse", ord("E"): "execute", ord("F"): "function"}
_header = Struct("!BI").unpack_from
_BEGUN = "the session ends, as so large a statement passes in pieces: send smaller ones"

Parts = list[bytes | memoryview]


class Upward:
    """Inspects the frontend's bytes of one logged-in session."""

    __slots__ = (
        "_append",
        "_copied",
        "_exchange",
        "_gathering",
        "_hiding",
        "_judging",
        "_needed",
        "_out",
        "_passed",
        "_pending",
        "_pieces",
        "_rest",
        "_rows",
        "_ruled",
        "_session",
        "_simple",
        "_skip",
        "_taped",
        "_unlike",
        "_waiting",
        "copied",
        "passes",
    )

    def __init__(self, pending: Pending, room: Room = ROOM) -> None:
        ruling = pending.ruling
        self._pending = pending
        self._append = pending.append
        self._session = pending.session
        self._exchange = pending.exchange
        self._hiding = Hiding()
        self._judging: Judging | Glancing | None = None
        self._ruled = False  # each message is looked at
        self._waiting = bytearray()  # the beginning of a message
        self._needed = 0  # how long that must be before it is looked at again
        self._skip = 0  # bytes of COPY data that are still to come
        self._gathering = Gathering(room)
        self._pieces: Pieces | None = None
        self._rest: Rest | None = None  # looks at what passes in pieces
        self._rows = self._copied = 0  # of COPY data that is not counted on tape yet
        self.copied = 0  # bytes of COPY data in all, with what is still to come
        self._simple = True  # nothing of the above, so that a query may go straight on
        self._out: Parts | None = None  # what to pass on of this read, if not all as it is
        self._passed = self._taped = 0  # up to where in this read
        self._unlike = 0  # reads that were like none before
        self.passes = saying(pending)
        if ruling is not None and ruling.every:
            self.rule(ruling)
        elif ruling is not None:
            self._judging = Glancing(ruling)
        self._look()

    @property
    def at_boundary(self) -> bool:
        """Whether a message of the edge's own may be put in here."""
        return not self._skip and self._pieces is None

    def feed(self, view: memoryview) -> Parts | None:
        """Return what to pass on in place of these bytes, None for just these; raise WireError.

        What is returned may be parts of ``view``. TapeFullError goes through.
        """
        if self._simple and not self._exchange.deaf and self._goes_straight_on(view):
            return None
        parts = self._feed(view)
        self._look()
        return parts

    def _goes_straight_on(self, view: memoryview) -> bool:
        """Put whole messages on tape among which there is nothing to look at closer."""
        kinds, at, size = list[int](), 0, len(view)
        last = size - _HEADER
        while at <= last:
            kind, length = _header(view, at)
            if not LEAST <= length <= _LONGEST[kind]:
                return False
            if kind in _AWAITED:
                kinds.append(kind)
            at += length + 1
        if at != size or suspicious(view) or self._hiding.takers:
            return False
        self._append(UP, self._session, view)
        self._exchange.queue += kinds
        if size <= MOST:
            self._unlike += 1
            if not self._unlike % _LEARN_EACH:
                self._pending.shapes.said[size] = said(bytes(view), kinds)
        return True

    def _look(self) -> None:
        pending = self._pending
        pending.simple = self._simple and not self._hiding.takers
        pending.look()

    def rule(self, ruling: Ruling) -> None:
        """Put statements before a ruling from now on; what was prepared before is not known."""
        judging = Judging(ruling)
        exchange = self._exchange
        for kind in exchange.queue:
            if kind in NAMING:
                judging.names.unseen()
        exchange.watcher = judging.names
        self._pending.ruling = ruling
        self._judging = judging
        self._ruled, self._simple = True, False
        self._look()

    def close(self) -> None:
        """Put on tape what is known of COPY data that never came to its end."""
        self._gathering.done()
        if self._rows:
            self._count()

    def _feed(self, view: memoryview) -> Parts | None:
        waiting = self._waiting
        if not waiting:
            return self._read(view)
        waiting += view
        if len(waiting) < self._needed:
            return []
        data = bytes(waiting)
        waiting.clear()
        parts = self._read(memoryview(data))
        return [data] if parts is None else parts

    def _read(self, view: memoryview) -> Parts | None:
        self._passed = self._taped = 0
        if self._judging is not None:
            self._judging.began()
        at = self._go_on(view) if self._skip or self._pieces is not None else 0
        at = self._messages(view, at)
        size = len(view)
        if self._taped < at:
            self._put(view[self._taped : at])
        if at < size:
            self._waiting += view[at:]
            self._pass(view[self._passed : at], size)
        elif self._out is not None:
            self._pass(view[self._passed :], size)
        self._simple = (
            not self._ruled
            and not self._waiting
            and not self._skip
            and self._pieces is None
            and not self._rows
        )
        out, self._out = self._out, None
        return out

    def _go_on(self, view: memoryview) -> int:
        """Take the rest of a message that is passed on in pieces; return where it ends."""
        size = len(view)
        pieces = self._pieces
        if pieces is None:
            at = min(size, self._skip)
            self._skip -= at
        else:
            at = min(size, pieces.left)
            self._take(pieces, view[:at])
            if pieces.dropped:
                self._pass(b"", at)
        self._taped = at
        return at

    def _messages(self, view: memoryview, at: int) -> int:
        """Read messages from ``at``; return up to where they are whole, or passed in pieces."""
        size = len(view)
        exchange, judging = self._exchange, self._judging
        last = size - _HEADER
        while at <= last:
            kind, length = _header(view, at)
            if kind == COPY_DATA:
                at = self._copy_data(view, at)
                continue
            if not LEAST <= length <= MOST_LENGTH.get(kind, 0):
                raise _unknown(kind, length)
            wanted = 1 + length if length < MOST_WHOLE else self._wanted(kind, 1 + length)
            if size - at < wanted:
                self._needed = wanted
                return at
            if length >= MOST_WHOLE:
                at = self._large(view, at, kind, 1 + length)
                continue
            end = at + 1 + length
            if kind in COPY_ENDS and self._rows:
                self._put(view[self._taped : at])
                self._count()
                self._taped = at
            if judging is not None and kind in judging.looked_at:
                self._judge(judging, view, at, end)
            elif exchange.deaf:
                exchange.sent(kind)
            elif kind not in _UNANSWERED:
                exchange.queue.append(kind)
            at = end
        self._needed = _HEADER
        return at

    def _copy_data(self, view: memoryview, at: int) -> int:
        """Count COPY data from ``at`` on; it is not kept, and the last of it may go on."""
        if self._taped < at:
            self._put(view[self._taped : at])
        begin = at
        rows, at = count(view, at, COPY_DATA)
        if not rows:
            raise _unknown(*_header(view, at))
        self._rows += rows
        self._copied += at - begin - _HEADER * rows
        self.copied += at - begin
        self._skip = max(0, at - len(view))
        self._taped = at = at - self._skip
        return at

    def _count(self) -> None:
        self._append(COUNT, self._session, run(self._rows, self._copied))
        self._rows = self._copied = 0

    def _put(self, messages: memoryview) -> None:
        """Put whole messages on tape, without the secrets in them."""
        if not messages:
            return
        hiding = self._hiding
        if suspicious(messages) or hiding.takers:
            redacted = hiding.redacted(bytes(messages))
            if redacted is not None:
                self._pending.hide()
                messages = memoryview(redacted)
        self._append(UP, self._session, messages)

    def _pass(self, part: bytes | memoryview, up_to: int) -> None:
        if self._out is None:
            self._out = []
        if part:
            self._out.append(part)
        self._passed = up_to

    # --- rules ------------------------------------------------------------------------

    def _judge(self, judging: Judging | Glancing, view: memoryview, at: int, end: int) -> None:
        kind = view[at]
        denial = self._ask(judging, kind, bytes(view[at + _HEADER : end]), whole=True)
        if denial is None:
            return
        self._put(view[self._taped : at])
        self._replace(kind, view, at, denial)
        self._put(view[at:end])
        self._taped = self._passed = end

    def _ask(
        self, judging: Judging | Glancing, kind: int, body: bytes, *, whole: bool
    ) -> Denial | None:
        heard = self._exchange.sent(kind)
        return judging.denial(kind, body, whole=whole, heard=heard)

    def _replace(self, kind: int, view: memoryview, at: int, denial: Denial) -> None:
        """Pass a message on that PostgreSQL refuses, in place of the one at ``at``.

        The tape says so before the message itself, which is the first of its frame.
        """
        pending = self._pending
        told = {"rule": denial.rule, "reason": denial.reason, "kind": _WAYS[kind], "place": 0}
        self._append(DENIED, self._session, json.dumps(told).encode())
        name = b""
        if kind == PARSE:
            name = bytes(view[at + _HEADER : at + MOST_WHOLE]).partition(b"\0")[0]
        replacement = pending.denials.deny(kind, decoded(name), denial)
        pending.marked = True
        self._pass(view[self._passed : at], at)
        self._pass(replacement, at)

    # --- large messages ---------------------------------------------------------------

    def _wanted(self, kind: int, total: int) -> int:
        """Return how much of a large message must be here before it passes, or is denied."""
        if self._judging is None:
            return 0
        if kind in self._judging.gathered:
            return self._gathering.wanted(total)
        return MOST_WHOLE

    def _large(self, view: memoryview, at: int, kind: int, total: int) -> int:
        """Begin to pass a message in pieces, or to drop it; return its end, or the read's."""
        end = min(at + total, len(view))
        whole = end == at + total
        judging = self._judging
        if self._taped < at:
            self._put(view[self._taped : at])
        denial = None
        if judging is not None and kind in judging.looked_at:
            body = bytes(view[at + _HEADER : end if whole else at + MOST_WHOLE])
            denial = self._ask(judging, kind, body, whole=whole)
            if denial is None and not whole and kind in TEXTS:
                self._rest = judging.rest()
        else:
            self._exchange.sent(kind)
        self._gathering.done()
        if denial is not None:
            self._replace(kind, view, at, denial)
            self._passed = end
        self._pieces = pieces = Pieces(self._pending, total, dropped=denial is not None)
        for start in range(at, end, MOST_WHOLE):
            self._take(pieces, view[start : min(end, start + MOST_WHOLE)])
        self._taped = end
        return end

    def _take(self, pieces: Pieces, data: memoryview) -> None:
        """Take the next bytes of a large message; raise DeniedError."""
        pieces.take(data)
        if not pieces.left:
            self._pieces = None
        if self._rest is not None:
            denial = self._rest.take(data)
            if denial is not None:
                raise DeniedError(denial.reason, hint=_BEGUN)
            if not pieces.left:
                self._rest = None


def _unknown(kind: int, length: int) -> WireError:
    if kind in MOST_LENGTH:
        return WireError(f"the client sent a message of an impossible length: {length} bytes")
    return WireError(f"the client sent what is no message of PostgreSQL's protocol: type {kind}")
