"""What a statement costs behind the edge's worker: ``python -m bench.micro.auditor``.

Microseconds of processor time a transaction, the best of several rounds: at the auditor, from the
tape to a chunk, and at the CA, which verifies the chunk and indexes what it says. Without what
each look at a tape and each chunk cost besides (system calls, signatures, HTTP, the store).
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.micro.aware import ANSWER, ROUNDS
from pgward.audit.chain.chunk import Chunk, Packer, opened
from pgward.audit.chain.head import Head
from pgward.audit.records.joining import Joiner
from pgward.audit.tape.frames import OPEN, Entry
from pgward.audit.tape.reader import TapeReader
from pgward.audit.tape.writer import TapeWriter
from pgward.ca.archive import facts
from pgward.pgwire import backend, frontend
from pgward.pgwire.framing import message
from pgward.tunnel.aware.downward import Downward
from pgward.tunnel.aware.pending import Pending
from pgward.tunnel.aware.upward import Upward

EDGE = "edge1"
SESSIONS = 8
TRANSACTIONS = 6000  # fewer than make a chunk full
_TEXT = "SELECT abalance FROM pgbench_accounts WHERE aid = "
_ABOUT = {
    "user": "alice",
    "service": "orders",
    "database": "orders",
    "role": "app",
    "client": "192.0.2.7:50000",
    "application": "alice via pgward: pgbench",
}
_PREPARED = frontend.parse("P0_1", f"{_TEXT}$1;") + frontend.sync()
_PREPARED_ANSWER = message(b"1") + backend.ready(b"I")

Record = dict[str, Any]
Exchange = tuple[bytes, bytes]


def simple(number: int) -> Exchange:
    """Return what is said in a transaction of pgbench -S -M simple."""
    return frontend.query(f"{_TEXT}{number};"), ANSWER


def prepared(number: int) -> Exchange:
    """Return what is said in a transaction of pgbench -S -M prepared."""
    asked = frontend.bind("", "P0_1", [b"%d" % number]) + frontend.describe(b"P")
    return asked + frontend.execute("") + frontend.sync(), message(b"2") + ANSWER


def write(tape: TapeWriter, exchange: Callable[[int], Exchange]) -> None:
    """Put sessions on tape that did all transactions by turns."""
    sessions = []
    for number in range(SESSIONS):
        tape.append(OPEN, number, json.dumps(_ABOUT).encode())
        pending = Pending(tape, number, "salt")
        up, down = Upward(pending), Downward(pending)
        up.feed(memoryview(_PREPARED))
        down.feed(memoryview(_PREPARED_ANSWER))
        sessions.append((up, down))
    for number in range(TRANSACTIONS):
        up, down = sessions[number % SESSIONS]
        asked, answer = exchange(10_000 + number)
        up.feed(memoryview(asked))
        down.feed(memoryview(answer))


def steps(tape: TapeWriter) -> Iterator[tuple[str, float]]:
    """Yield each step of what was put on tape, and the seconds it took."""
    clock = time.process_time
    began = clock()
    with TapeReader(tape.directory) as reader:
        frames = list[Entry]()
        while some := reader.read():
            frames += some
    yield "read the tape", clock() - began
    began = clock()
    joiner = Joiner(tape.boot, EDGE)
    records = joiner.join(frames)
    yield "join records", clock() - began
    began = clock()
    packer = Packer(Head.origin("0" * 16))
    rare = [record for record in records if not isinstance(record, tuple)]
    for record in rare:
        packer.add(record)
    packer.fill(records, len(rare))
    yield "chain them", clock() - began
    began = clock()
    chunk = packer.pack(EDGE)
    yield "compress a chunk", clock() - began
    yield from _at_the_ca(chunk)


def _at_the_ca(chunk: Chunk) -> Iterator[tuple[str, float]]:
    began = time.process_time()
    for _ in opened(chunk.data, chunk.manifest):
        pass
    verified = time.process_time() - began
    yield "the CA: verify the chunk", verified
    began = time.process_time()
    facts.read(opened(chunk.data, chunk.manifest), EDGE)
    yield "the CA: index it", time.process_time() - began - verified


def measure(exchange: Callable[[int], Exchange]) -> dict[str, float]:
    """Return the microseconds of each step for a transaction."""
    with tempfile.TemporaryDirectory() as directory:
        tape = TapeWriter(Path(directory))
        try:
            write(tape, exchange)
            rounds = [dict(steps(tape)) for _ in range(ROUNDS)]
        finally:
            tape.close()
    return {name: min(each[name] for each in rounds) / TRANSACTIONS * 1e6 for name in rounds[0]}


def main() -> None:
    for name, exchange in (("simple", simple), ("prepared", prepared)):
        found = measure(exchange)
        for step, microseconds in found.items():
            print(f"{name}: {step:30} {microseconds:6.2f} µs")
        print(f"{name}: {'all':30} {sum(found.values()):6.2f} µs")


if __name__ == "__main__":
    main()
