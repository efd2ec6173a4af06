"""What to do with each type of message that PostgreSQL sends: one look into a table."""

from typing import Final

from pgward.pgwire.states import (
    COPY_BOTH,
    COPY_DATA,
    COPY_IN,
    COPY_OUT,
    ENDING,
    ENDS,
    ERROR,
    READY,
    UNTAPED,
)

NO_MESSAGE: Final = 0
COPIED: Final = 1
"""Data of a COPY: counted."""
PASSED: Final = 2
"""Nothing goes on tape of it, but perhaps that it was a row."""
TAPED: Final = 3
"""Tells how an answer goes on, or ends."""
DONE: Final = 4
"""ReadyForQuery."""
RARE: Final = 5
"""On tape, too, and more is to be done."""


def _roles() -> bytes:
    found = bytearray(256)
    for kinds, role in (
        (UNTAPED, PASSED),
        (ENDING, TAPED),
        ({COPY_DATA}, COPIED),
        ({READY}, DONE),
        ({ERROR, COPY_IN, COPY_OUT, COPY_BOTH}, RARE),
    ):
        for kind in kinds:
            found[kind] = role
    return bytes(found)


def _asked() -> bytes:
    found = bytearray(256)
    for kind, ends in ENDS.items():
        for end in ends - {READY}:
            found[end] = kind
    return bytes(found)


ROLES: Final = _roles()
ASKED: Final = _asked()
"""What a message is the answer to, of what one message alone answers."""
