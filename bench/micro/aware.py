"""What the inspectors of the aware edge cost for each read: ``python -m bench.micro.aware``.

Microseconds of processor time a call, the best of several rounds, with the real tape in a
temporary directory.
"""

import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path

from pgward.audit.tape.writer import TapeWriter
from pgward.pgwire import backend, frontend
from pgward.pgwire.body import UINT32
from pgward.tunnel.aware.downward import Downward
from pgward.tunnel.aware.pending import Pending
from pgward.tunnel.aware.upward import Upward
from pgward.tunnel.relay import BUFFER_SIZE

ROUNDS = 7
QUERY = frontend.query("SELECT abalance FROM pgbench_accounts WHERE aid = 12345;")
COLUMN = b"abalance\0" + bytes(18)
COLUMNS = b"T" + UINT32.pack(4 + 2 + len(COLUMN)) + b"\0\1" + COLUMN
ANSWER = COLUMNS + backend.data_row([b"0"]) + backend.command_complete("SELECT 1")
ANSWER += backend.ready(b"I")
EXTENDED = frontend.parse("", "SELECT abalance FROM pgbench_accounts WHERE aid = $1")
EXTENDED += frontend.bind("", "", [b"12345"]) + frontend.describe(b"P") + frontend.execute("")
EXTENDED += frontend.sync()
EXTENDED_ANSWER = backend.message(b"1") + backend.message(b"2") + ANSWER
ROW = b"%d\t1\t0\t" + b" " * 84 + b"\n"
TEXT_ROWS = b"".join(backend.message(b"d", ROW % n) for n in range(100_000, 100_600))
TEXT_START = backend.message(b"H", b"\0\0\4" + bytes(8))
BINARY_START = backend.message(b"H", b"\1\0\4" + bytes(8))
DATA_ROWS = b"".join(backend.data_row([b"%d" % n, b"1", b"0"]) for n in range(100_000, 102_000))


def _read(data: bytes) -> bytearray:
    """Return the relay's buffer with these bytes in it."""
    return bytearray(data.ljust(BUFFER_SIZE))


def measure(name: str, function: Callable[[], object], calls: int = 3000, per: int = 1) -> None:
    best = (
        min(timeit.repeat(function, timer=time.process_time, number=calls, repeat=ROUNDS)) / calls
    )
    print(
        f"{name:42} {best * 1e6:9.2f} µs"
        + (f" {best * 1e9 / per:8.1f} ns a row" if per > 1 else "")
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        tape = TapeWriter(Path(directory))
        measure("tape.append of a query", lambda: tape.append(2, 1, QUERY))
        _inspectors(tape)
        tape.close()


def _inspectors(tape: TapeWriter) -> None:
    pending = Pending(tape, 1, "salt")
    up, down = Upward(pending), Downward(pending)
    queries = pending.exchange.queue
    for name, asked, answer in (
        ("query", QUERY, ANSWER),
        ("extended", EXTENDED, EXTENDED_ANSWER),
    ):
        said, answered = _read(asked), _read(answer)

        def there(buffer: bytearray = said, size: int = len(asked)) -> None:
            if not up.passes(buffer, size):
                up.feed(memoryview(buffer)[:size])

        def back(buffer: bytearray = answered, size: int = len(answer)) -> None:
            if not down.passes(buffer, size):
                down.feed(memoryview(buffer)[:size])

        def both() -> None:
            there()
            back()

        def alone() -> None:
            there()
            queries.clear()

        measure(f"{name}: up", alone)
        measure(f"{name}: up and down", both)
    for name, start, rows, count in (
        ("COPY out as text, 60 KB", TEXT_START, TEXT_ROWS, 600),
        ("COPY out as binary, 60 KB", BINARY_START, TEXT_ROWS, 600),
        ("rows, 60 KB", b"", DATA_ROWS, 2000),
    ):
        down = Downward(pending)
        if start:
            down.feed(memoryview(start))
        view = memoryview(bytearray(rows))
        measure(name, lambda view=view, down=down: down.feed(view), 200, count)
    up = Upward(pending)
    view = memoryview(bytearray(TEXT_ROWS))
    measure("COPY in, 60 KB", lambda: up.feed(view), 200, 600)
    up = Upward(pending)
    up.feed(memoryview(b"Q" + UINT32.pack(1 << 29)))
    view = memoryview(bytearray(b"insert into t values (1,2,3); " * 2184))
    measure("a piece of a large statement, 64 KiB", lambda: up.feed(view), 100)


if __name__ == "__main__":
    main()
