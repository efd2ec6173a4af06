"""Lines of a chain, verified one by one: which is at fault if any is."""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from pgward.audit.chain import blocks
from pgward.audit.chain.head import Head
from pgward.core.errors import PgwardError

_SEQ: Final = re.compile(rb'\{"seq":([1-9][0-9]{0,17}),')


class ChainBrokenError(PgwardError):
    """Lines are not what was chained; ``seq`` is the number of the first that may not be."""

    code = "chain_broken"

    def __init__(self, message: str, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


def record_of(line: bytes) -> bytes:
    """Return the record of a line as JSON, without what the chain added; raise ValueError."""
    found, plain = _SEQ.match(line), blocks.without_hash(line)
    if found is None or len(plain) <= found.end() + 1:
        raise ValueError("that is no line of a chain")
    return b"{" + plain[found.end() :]


def verify(lines: Iterable[bytes], start: Head, end: Head | None = None) -> Head:
    """Check lines (without line feeds) that follow ``start``; return the head that they lead to.

    Raises ChainBrokenError, which names the first line that was changed (or its block), is missing
    or is out of place. Only with ``end`` are lines found missing that were cut off at the end.
    """
    seq, digest, block = start.seq, start.hash, list[bytes]()
    for line in lines:
        block.append(line)
        if blocks.hash_of(line) is not None:
            digest = _check(block, seq + 1, digest)
            seq += len(block)
            block.clear()
    _check_numbers(block, seq + 1, digest)
    if end is not None:
        _check_end(Head(start.chain, seq, digest), len(block), end)
    if block:
        why = "it was changed, or lines behind it are missing"
        raise ChainBrokenError(f"line {seq + len(block)} has no hash: {why}", seq + 1)
    return Head(start.chain, seq, digest)


def _check(block: list[bytes], first: int, before: bytes) -> bytes:
    """Check a block whose first line should have this number; return its hash."""
    _check_numbers(block, first, before)
    digest = _hash(block, before)
    if not block[-1].endswith(blocks.tail(digest)):
        last = first + len(block) - 1
        if first == last:
            why = f"line {first} was changed, or does not follow the one before"
        else:
            why = (
                f"one of lines {first} to {last} was changed, or they do not follow the one before"
            )
        raise ChainBrokenError(why, first)
    return digest


def _check_numbers(block: list[bytes], first: int, before: bytes) -> None:
    for at, line in enumerate(block):
        seq = first + at
        if line.startswith(b'{"seq":%d,' % seq):
            continue
        found = _SEQ.match(line)
        number = seq if found is None else int(found[1])
        as_it_was = [*block[:at], _SEQ.sub(b'{"seq":%d,' % seq, line, count=1), *block[at + 1 :]]
        if number == seq or block[-1].endswith(blocks.tail(_hash(as_it_was, before))):
            raise ChainBrokenError(
                f"line {seq} was changed, or does not follow the one before", seq
            )
        if number > seq:
            raise ChainBrokenError(f"line {seq} is missing: line {number} stands there", seq)
        raise ChainBrokenError(f"line {number} stands where line {seq} belongs", seq)


def _hash(block: list[bytes], before: bytes) -> bytes:
    plain = b"\n".join([*block[:-1], blocks.without_hash(block[-1])])
    return sha256(before + plain).digest()


def _check_end(head: Head, behind: int, end: Head) -> None:
    """Check that lines lead to ``end``; ``behind`` of them have no hash behind them."""
    last = head.seq + behind
    if end.chain != head.chain:
        raise ChainBrokenError("the lines are of another chain", last)
    if last < end.seq:
        raise ChainBrokenError(f"line {last + 1} is missing, and all up to {end.seq}", last + 1)
    if last > end.seq:
        raise ChainBrokenError(f"line {end.seq + 1} was added", end.seq + 1)
    if not behind and end.hash != head.hash:
        raise ChainBrokenError(f"line {last} is not the one that was signed", last)
