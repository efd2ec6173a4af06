"""What PostgreSQL answers, on its way to the client: its headers, and how each answer ends.

Rows pass as they come. What tells how an answer ends goes on tape first, with the number of rows
before it. The error of a denied statement becomes the rule's reason.
"""

from collections.abc import Callable
from struct import Struct

from pgward.audit.tape.answers import Data, as_it_is
from pgward.audit.tape.frames import DOWN, MOST_WHOLE, RESULT, run
from pgward.pgwire import backend
from pgward.pgwire.errors import WireError
from pgward.pgwire.states import (
    COMMAND_COMPLETE,
    COPY_DATA,
    COPY_DONE,
    COPY_OUT,
    DATA_ROW,
    DESCRIBE,
    ERROR,
    FUNCTION_RESULT,
    LEAST,
    PARAMETER_DESCRIPTION,
    PARAMETER_STATUS,
    QUERY,
    READY_ENDS,
    ROW_DESCRIPTION,
)
from pgward.tunnel.aware.copying import CopyOut
from pgward.tunnel.aware.denials import told, without_texts
from pgward.tunnel.aware.passing import answering
from pgward.tunnel.aware.pending import Pending
from pgward.tunnel.aware.roles import ASKED, COPIED, DONE, PASSED, ROLES, TAPED
from pgward.tunnel.aware.rows import count
from pgward.tunnel.aware.shapes import MOST, MOST_ASKED, answer

_HEADER = 5
_MOST_TYPES = _HEADER + 2 + 4 * 0xFFFF  # of parameters: more cannot be bound, only described
# Of what may be larger than what is kept of it; a statement of more parameters has 100 MB.
_MOST_LENGTH = {ERROR: 0xFFFFFFFF, PARAMETER_DESCRIPTION: 64 << 20}
_FORMAT_AND_COLUMNS = 3  # bytes of a CopyOutResponse
_LEARN_EACH = 4  # in some sessions no answer is like another
_header = Struct("!BI").unpack_from

Parts = list[bytes | memoryview]


class Downward:
    """Inspects the backend's bytes of one logged-in session.

    ``results``: how many bytes of each answer go on tape, encrypted by ``seal``, for recordings.
    """

    __slots__ = (
        "_answered",
        "_append",
        "_copy",
        "_exchange",
        "_out",
        "_passed",
        "_pending",
        "_results",
        "_results_left",
        "_row_bytes",
        "_rows",
        "_seal",
        "_session",
        "_skip",
        "_summary",
        "_unlike",
        "_waiting",
        "passes",
        "withholds",
    )

    def __init__(
        self, pending: Pending, *, results: int = 0, seal: Callable[[Data], Data] = as_it_is
    ) -> None:
        self._pending = pending
        self._append = pending.append
        self._session = pending.session
        self._exchange = pending.exchange
        self._results = self._results_left = results
        self._seal = seal
        self._answered = False  # ReadyForQuery has come
        self._waiting = b""  # the beginning of a message that must be read whole
        self._skip = 0  # bytes of a message that pass without being looked at
        self._rows = self._row_bytes = 0  # that are not on tape yet
        self._copy: CopyOut | None = None  # COPY data as text is coming
        self._summary: list[bytes | memoryview] = []  # for the tape, of this read
        self._out: Parts | None = None  # what to pass on of this read, if not all as it is
        self._passed = 0
        self._unlike = 0  # reads that were like none before
        self.withholds: Callable[[memoryview], bool] = _passes_all  # of errors: not passed on
        self.passes = answering(pending)
        self._look()

    def record(self, results: int) -> None:
        """Put so many bytes of each answer on tape; of one under way, no more than before."""
        under_way = min(self._results_left, results)
        self._results, self._results_left = results, results if self._exchange.idle else under_way
        self._look()

    @property
    def at_boundary(self) -> bool:
        """Whether a message of the edge's own may be put in here."""
        return not self._skip and not self._waiting

    @property
    def left(self) -> int:
        """How many bytes the message lacks that the client is in the middle of."""
        return self._skip

    def feed(self, view: memoryview) -> Parts | None:
        """Return what to pass on in place of these bytes, None for just these; raise WireError.

        What is returned may be parts of ``view``. TapeFullError goes through.
        """
        if self._results:
            parts = self._recorded(view)
        elif self._pending.clean and len(view) <= MOST:
            parts = self._learn(view)
        else:
            parts = self._feed(view) if self._skip or self._waiting else self._read(view, 0)
        self._look()
        return parts

    def _look(self) -> None:
        pending = self._pending
        pending.clean = not (
            (self._skip or self._waiting)
            or (self._rows or self._row_bytes or self._copy is not None)
            or self._results
        )
        pending.look()

    def _learn(self, view: memoryview) -> Parts | None:
        """Read, and remember at times what was found out, if all that was asked is answered."""
        self._unlike += 1
        pending, exchange = self._pending, self._exchange
        most = 0 if self._unlike % _LEARN_EACH or not pending.may_answer else MOST_ASKED
        asked = exchange.queue.copy() if len(exchange.queue) <= most else None
        parts = self._read(view, 0)
        self._look()
        if asked and parts is None and pending.may_answer and exchange.idle:
            known = answer(bytes(view), asked)
            if known is not None:
                pending.shapes.answers[len(view)] = known
        return parts

    def _feed(self, view: memoryview) -> Parts | None:
        if self._waiting:
            data = self._waiting + view
            self._waiting = b""
            parts = self._read(memoryview(data), 0)
            return [data] if parts is None else parts
        at = self._skip
        if not at:
            return self._read(view, 0)
        if at >= len(view):
            self._skip = at - len(view)
            return None
        self._skip = 0
        return self._read(view, at)

    # One flat loop is the fastest.
    def _read(  # noqa: C901, PLR0912, PLR0915
        self, view: memoryview, at: int
    ) -> Parts | None:
        size = len(view)
        last = size - _HEADER
        exchange, roles = self._exchange, ROLES
        queue = exchange.queue
        start = -1  # of messages for the tape that are not in the summary yet
        while at <= last:
            kind, length = _header(view, at)
            if kind == DATA_ROW:
                if start >= 0:
                    self._summary.append(view[start:at])
                    start = -1
                if length < LEAST:
                    raise _unknown(kind, length)
                self._rows += 1
                self._row_bytes += length - LEAST
                at += length + 1
                if at > last:
                    break
                kind, length = _header(view, at)
                if kind == DATA_ROW:
                    begin = at
                    rows, at = count(view, at, kind)
                    self._rows += rows
                    self._row_bytes += at - begin - _HEADER * rows
                    if not rows:
                        raise _unknown(kind, length)
                    continue
            role = roles[kind]
            if role == COPIED:
                if start >= 0:
                    self._summary.append(view[start:at])
                    start = -1
                at = self._copy_data(view, at)
                continue
            if not role or length < LEAST:
                raise _unknown(kind, length)
            end = at + length + 1
            if role == PASSED:
                if start >= 0:
                    self._summary.append(view[start:at])
                    start = -1
                if kind == ROW_DESCRIPTION:
                    if queue and queue[0] == DESCRIBE:
                        exchange.came(kind)
                elif kind == FUNCTION_RESULT:
                    self._rows += 1
                    self._row_bytes += length - LEAST
                elif (
                    kind == PARAMETER_STATUS
                    and self._pending.ruling is not None
                    and length < MOST_WHOLE  # what rules depend on is never that long
                ):
                    if end > size:
                        break
                    self._report(bytes(view[at + _HEADER : end]))
                at = end
                continue
            if end > size:
                break
            if self._copy is not None:
                self._end_copy(kind, view[at + _HEADER : end])
            if (self._rows or self._row_bytes) and kind != COPY_DONE:
                if start >= 0:
                    self._summary.append(view[start:at])
                    start = -1
                self._summary.append(run(self._rows, self._row_bytes))
                self._rows = self._row_bytes = 0
            if start < 0:
                start = at
            if role == DONE:
                self._ready(view[end - 1])
            elif role == TAPED:
                self._pending.answers += 1
                if queue and (asked := queue[0]) != QUERY:
                    if asked == ASKED[kind] and exchange.watcher is None:
                        queue.popleft()  # what exchange.came would do, without a call
                        exchange.at_ready = False
                    else:
                        exchange.came(kind)
            else:
                start = self._rare(view, at, end, start)
            at = end
        if at != size or self._out is not None:
            return self._finish(view, at, start)
        summary = self._summary
        if start >= 0:
            summary.append(view[start:])
        if summary:
            self._append(DOWN, self._session, b"".join(summary))
            summary.clear()
        return None

    def _copy_data(self, view: memoryview, at: int) -> int:
        """Count COPY data from ``at`` on; return where it ends, which may be behind the view."""
        if self._copy is not None:
            at = self._copy.ahead(view, at)
        begin = at
        rows, at = count(view, at, COPY_DATA)
        if not rows and at + _HEADER <= len(view):
            raise _unknown(*_header(view, at))
        self._rows += rows
        self._row_bytes += at - begin - _HEADER * rows
        if self._copy is not None:
            self._copy.walked(rows)
        return at

    def _end_copy(self, kind: int, body: memoryview) -> None:
        """Add the rows of COPY data that were not looked at: how many, the command's tag says."""
        if self._copy is not None and kind != COPY_DONE:
            tag = bytes(body).rstrip(b"\0") if kind == COMMAND_COMPLETE else b""
            rows, size = self._copy.finished(tag)
            self._rows += rows
            self._row_bytes += size
            self._copy = None

    def _ready(self, status: int) -> None:
        self._pending.answers += 1
        exchange = self._exchange
        queue = exchange.queue
        if queue and queue[0] in READY_ENDS and not exchange.deaf:
            queue.popleft()
            exchange.status = status
            exchange.at_ready = True
        else:
            exchange.ready(status)
        if self._pending.marked and not queue:
            self._pending.settle()
        self._answered = True

    def _report(self, body: bytes) -> None:
        """Tell the ruling of a setting; there is one."""
        if self._pending.ruling is None:
            return
        try:
            name, value = backend.read_parameter_status(body)
        except WireError:
            raise _unknown(PARAMETER_STATUS, LEAST + len(body)) from None
        self._pending.ruling.parameter_status(name, value)

    def _rare(self, view: memoryview, at: int, end: int, start: int) -> int:
        """Take an error, or the start of a COPY; return where the stretch for the tape begins."""
        kind = view[at]
        if kind == COPY_OUT:
            if _is_text(view[at + _HEADER : end]):
                self._copy = CopyOut()
            return start
        if kind != ERROR:
            self._exchange.copy_in()
            return start
        self._exchange.failed()
        if self.withholds(view[at:end]):
            self._pass(view[self._passed : at], end)
        if not self._pending.marked:
            return start
        return self._marked_error(view, at, end, start)

    def _marked_error(self, view: memoryview, at: int, end: int, start: int) -> int:
        body = bytes(view[at + _HEADER : end])
        denial = self._pending.denials.of(body)
        if denial is not None:
            taped = told(body, denial)
            self._pass(view[self._passed : at], end)
            self._pass(taped, end)
        elif self._pending.sensitive:
            taped = without_texts(body)
        else:
            return start
        self._summary += (view[start:at], taped)
        return -1

    def _finish(self, view: memoryview, at: int, start: int) -> Parts | None:
        """Put the summary on tape; keep what must be read whole, and return what to pass on."""
        size = len(view)
        if start >= 0:
            self._summary.append(view[start:at])
        if at < size:
            most = _MOST_TYPES if view[at] == PARAMETER_DESCRIPTION else MOST_WHOLE
            if size - at >= _HEADER:
                _check_length(view, at, most)
            if size - at < most:
                self._waiting = bytes(view[at:])
                self._pass(view[self._passed : at], size)
            else:
                at = self._large(view, at)
        if self._summary:
            self._append(DOWN, self._session, b"".join(self._summary))
            self._summary.clear()
        if at > size:
            self._skip = at - size
        out = self._out
        if out is not None:
            self._pass(view[self._passed :], size)
            self._out = None
        self._passed = 0
        return out

    def _large(self, view: memoryview, at: int) -> int:
        """Pass on what is larger than what is kept of it; return where it ends."""
        kind, length = _header(view, at)
        if kind == PARAMETER_DESCRIPTION:
            self._pending.answers += 1
            self._exchange.came(kind)
            return at + 1 + int(length)
        if kind != ERROR:
            raise _unknown(kind, length)
        self._exchange.failed()
        body = bytes(view[at + _HEADER : at + MOST_WHOLE])
        self._summary.append(without_texts(body[: body.rfind(b"\0") + 1] + b"\0"))
        return at + 1 + int(length)

    def _pass(self, part: bytes | memoryview, up_to: int) -> None:
        if self._out is None:
            self._out = []
        if part:
            self._out.append(part)
        self._passed = up_to

    def _recorded(self, view: memoryview) -> Parts | None:
        """Feed, and put the first bytes of each answer on tape, unless they may hold a secret."""
        hidden, left = self._pending.sensitive, self._results_left
        self._answered = False
        parts = self._feed(view)
        for part in () if hidden else (view,) if parts is None else parts:
            if left and part:
                self._append(RESULT, self._session, self._seal(part[:left]))
                left = max(0, left - len(part))
        self._results_left = self._results if self._answered else left
        return parts


def _passes_all(_error: memoryview) -> bool:
    return False


def _is_text(copying: memoryview) -> bool:
    """Tell whether a COPY sends rows as text; a base backup has format 0, no column, and files."""
    return len(copying) >= _FORMAT_AND_COLUMNS and not copying[0] and any(copying[1:3])


def _check_length(view: memoryview, at: int, most: int) -> None:
    """Refuse at once what could never be read whole: nobody shall wait for the rest of that."""
    kind, length = _header(view, at)
    if length >= max(most, _MOST_LENGTH.get(kind, 0)):
        raise _unknown(kind, length)


def _unknown(kind: int, length: int) -> WireError:
    return WireError(
        f"PostgreSQL's answer cannot be read: type {kind}, length {length}", sqlstate="08006"
    )
