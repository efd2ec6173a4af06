"""Which message is answered by what, as tables.

Types of messages are numbers here, the ASCII codes of their letters: who reads a stream compares
them. Source: manual, chapter 54.2 "Message Flow" and 54.7 "Message Formats"; PostgreSQL's
``SocketBackend`` and ``CopyGetData`` for the longest lengths, and for what is ignored when.
"""

from collections.abc import Mapping
from typing import Final

# What a frontend says once it is logged in.
QUERY: Final = ord("Q")
PARSE: Final = ord("P")
BIND: Final = ord("B")
DESCRIBE: Final = ord("D")
EXECUTE: Final = ord("E")
CLOSE: Final = ord("C")
SYNC: Final = ord("S")
FLUSH: Final = ord("H")
FUNCTION_CALL: Final = ord("F")
TERMINATE: Final = ord("X")

# What both say.
COPY_DATA: Final = ord("d")
COPY_DONE: Final = ord("c")

COPY_FAIL: Final = ord("f")  # a frontend only

# What a backend says.
BIND_COMPLETE: Final = ord("2")
CLOSE_COMPLETE: Final = ord("3")
COMMAND_COMPLETE: Final = ord("C")
COPY_BOTH: Final = ord("W")
COPY_IN: Final = ord("G")
COPY_OUT: Final = ord("H")
DATA_ROW: Final = ord("D")
EMPTY_QUERY: Final = ord("I")
ERROR: Final = ord("E")
FUNCTION_RESULT: Final = ord("V")
NO_DATA: Final = ord("n")
NOTICE: Final = ord("N")
NOTIFICATION: Final = ord("A")
PARAMETER_DESCRIPTION: Final = ord("t")
PARAMETER_STATUS: Final = ord("S")
PARSE_COMPLETE: Final = ord("1")
PORTAL_SUSPENDED: Final = ord("s")
READY: Final = ord("Z")
ROW_DESCRIPTION: Final = ord("T")

LEAST: Final = 4  # a length counts itself
LARGE: Final = 0x3FFFFFFF
SMALL: Final = 10_000

MOST_LENGTH: Final[Mapping[int, int]] = {
    **dict.fromkeys((QUERY, PARSE, BIND, FUNCTION_CALL, COPY_DATA), LARGE),
    **dict.fromkeys(
        (DESCRIBE, EXECUTE, CLOSE, SYNC, FLUSH, COPY_DONE, COPY_FAIL, TERMINATE), SMALL
    ),
}
"""All that a frontend may say once it is logged in, with the longest length of each."""

ENDS: Final[Mapping[int, frozenset[int]]] = {
    QUERY: frozenset({READY}),
    FUNCTION_CALL: frozenset({READY}),
    SYNC: frozenset({READY}),
    PARSE: frozenset({PARSE_COMPLETE}),
    BIND: frozenset({BIND_COMPLETE}),
    CLOSE: frozenset({CLOSE_COMPLETE}),
    DESCRIBE: frozenset({ROW_DESCRIPTION, NO_DATA}),
    EXECUTE: frozenset({COMMAND_COMPLETE, EMPTY_QUERY, PORTAL_SUSPENDED}),
}
"""Which message ends the answer to each, if no error does."""

UNANSWERED: Final = frozenset({FLUSH, COPY_DATA, TERMINATE})
"""What is answered by nothing, and ends nothing."""

READY_ENDS: Final = frozenset({QUERY, FUNCTION_CALL, SYNC})
"""What ReadyForQuery answers, after an error as well."""

COPY_ENDS: Final = frozenset({COPY_DONE, COPY_FAIL})

NAMING: Final = frozenset({PARSE, BIND, CLOSE})
"""What makes or removes the name of a statement or portal."""

UNTAPED: Final = frozenset(
    {
        *(ROW_DESCRIPTION, PARAMETER_STATUS, NOTICE, NOTIFICATION),
        *(DATA_ROW, COPY_DATA, FUNCTION_RESULT),
    }
)
"""What a backend says that tells nothing of how an answer ends."""

ENDING: Final = frozenset(
    {
        *(BIND_COMPLETE, CLOSE_COMPLETE, COMMAND_COMPLETE, COPY_BOTH, COPY_IN, COPY_OUT, COPY_DONE),
        *(EMPTY_QUERY, ERROR, NO_DATA, PARAMETER_DESCRIPTION, PARSE_COMPLETE, PORTAL_SUSPENDED),
        READY,
    }
)
"""What a backend says that tells how an answer goes on or ends, or which types parameters have."""

IDLE: Final = ord("I")  # what ReadyForQuery says of the transaction
IN_TRANSACTION: Final = ord("T")
FAILED: Final = ord("E")
