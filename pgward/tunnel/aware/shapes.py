"""Reads that are like one before: what was found out about that one holds for them.

Sessions say the same over and over, with other values. A read that is as long as one before, and
whose bytes are the same but within one message, is made of the same messages: two comparisons
tell, at a tenth of what it costs to read it. What tells nothing of an end or may be a secret is
looked at each time anew, and whatever is not as before is read as always.
"""

from collections import deque
from struct import Struct
from typing import NamedTuple

from pgward.audit.tape.frames import run
from pgward.pgwire.framing import HEADER
from pgward.pgwire.states import (
    BIND,
    COMMAND_COMPLETE,
    DATA_ROW,
    DESCRIBE,
    EMPTY_QUERY,
    ENDS,
    EXECUTE,
    LEAST,
    NAMING,
    PARAMETER_DESCRIPTION,
    QUERY,
    ROW_DESCRIPTION,
)

MOST = 1024
"""Bytes of a read that is remembered; there is one read of a length, so this bounds them all."""
MOST_ASKED = 64
"""Messages whose answer is remembered."""

# What may come of an answer ahead of its end. That of a function call is never remembered.
_WITHIN = {
    QUERY: {ROW_DESCRIPTION, DATA_ROW, COMMAND_COMPLETE, EMPTY_QUERY},
    DESCRIBE: {PARAMETER_DESCRIPTION},
    EXECUTE: {DATA_ROW},
}
_READY = b"Z\0\0\0\5"
_header = Struct("!BI").unpack_from


class Said(NamedTuple):
    """What a client said, several messages: ``head`` up to within the first Bind, or all."""

    head: bytes
    tail: bytes
    kinds: tuple[int, ...]


class Answer(NamedTuple):
    """The whole answer to what ``asked`` holds, with one row at most: ``head`` ends within it.

    ``taped``: what goes on tape of it; ``ends``: how many answers came to their end, ``named`` of
    which to messages that make or remove a name; ``status``: that of ReadyForQuery.
    """

    head: bytes
    tail: bytes
    asked: deque[int]
    taped: bytes
    ends: int
    named: int
    status: int


class Shapes:
    """What is remembered of reads, by their length; for all sessions of a process."""

    __slots__ = ("answers", "said")

    def __init__(self) -> None:
        self.said: dict[int, Said] = {}
        self.answers: dict[int, Answer] = {}


def said(data: bytes, kinds: list[int]) -> Said:
    """Take whole messages of a client, which ask for ``kinds``."""
    at = 0
    while at < len(data):
        kind, length = _header(data, at)
        if kind == BIND:
            return Said(data[: at + HEADER], data[at + 1 + length :], tuple(kinds))
        at += 1 + length
    return Said(data, b"", tuple(kinds))


def answer(data: bytes, asked: deque[int]) -> Answer | None:
    """Take whole messages of PostgreSQL that answer all of ``asked``, in its order; else None."""
    head, tail, taped = data, b"", list[bytes]()
    at = ends = 0
    awaited = iter(asked)
    waiting = next(awaited, None)
    while at < len(data):
        kind, length = _header(data, at)
        start, at = at, at + 1 + length
        if waiting is None:
            return None
        if kind in ENDS.get(waiting, ()):
            waiting = next(awaited, None)
        elif kind not in _WITHIN.get(waiting, ()):
            return None
        if kind == DATA_ROW:
            if head is not data:
                return None
            head, tail = data[: start + HEADER], data[at:]
            taped.append(run(1, length - LEAST))
        elif kind != ROW_DESCRIPTION:
            taped.append(data[start:at])
            ends += 1
    if waiting is not None or data[-6:-1] != _READY:
        return None
    named = sum(each in NAMING for each in asked)
    return Answer(head, tail, asked, b"".join(taped), ends, named, data[-1])
