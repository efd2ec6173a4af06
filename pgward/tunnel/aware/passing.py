"""The hot path of both inspectors: reads that pass as they are, and what is awaited behind them.

Nearly all reads are one query, or like one before (``shapes``). Two flat closures tell, put them
on tape and pass the word; all others are read message by message, by ``upward`` and ``downward``.
What is run through here twice a statement is cold each time, after a turn of the kernel and of
PostgreSQL: so the number of steps counts, more than what each does.
"""

from collections.abc import Callable

from pgward.audit.tape.frames import DOWN, UP
from pgward.pgwire.body import UINT32
from pgward.pgwire.framing import HEADER
from pgward.pgwire.states import QUERY
from pgward.tunnel.aware.hiding import suspicious
from pgward.tunnel.aware.pending import Pending

Passes = Callable[[bytearray, int], bool]
"""Tells whether the first so many bytes of a buffer pass as they are: then they are on tape, and
nothing else is to be done. TapeFullError goes through."""

_QUERY = (QUERY,)
_SHORT = 4096
_QUERIES = {size: b"Q" + UINT32.pack(size - 1) for size in range(HEADER, _SHORT)}
_NOTHING = ()  # what nothing begins with


def saying(pending: Pending) -> Passes:
    """Return what looks at the reads of a client."""
    query, known = _QUERIES.get, pending.shapes.said.get
    append = pending.appender(UP)
    await_all = pending.exchange.queue.extend

    def passes(buffer: bytearray, size: int) -> bool:
        if not pending.may_say:
            return False
        if buffer.startswith(query(size, _NOTHING)):
            kinds: tuple[int, ...] = _QUERY
        else:
            said = known(size)
            if said is None:
                return False
            head, tail, kinds = said
            if not (buffer.startswith(head) and buffer.endswith(tail, 0, size)):
                return False
        data = buffer[:size]
        if suspicious(data):
            return False
        append(data)
        await_all(kinds)
        return True

    return passes


def answering(pending: Pending) -> Passes:
    """Return what looks at the reads of PostgreSQL's answers."""
    known, exchange = pending.shapes.answers.get, pending.exchange
    append = pending.appender(DOWN)
    queue = exchange.queue
    clear = queue.clear

    def passes(buffer: bytearray, size: int) -> bool:
        answer = known(size)
        if answer is None:
            return False
        head, tail, asked, taped, ends, named, status = answer
        if not (
            queue == asked
            and pending.may_answer
            and buffer.startswith(head)
            and buffer.endswith(tail, 0, size)
        ):
            return False
        append(taped)
        if named and exchange.watcher is not None:
            for _ in range(named):
                exchange.watcher.confirmed()
        clear()
        exchange.status = status
        pending.answers += ends
        return True

    return passes
