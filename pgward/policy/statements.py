"""What statements are, by PostgreSQL's own grammar: their kinds, tables and functions.

A text tells what it says, not what it leads to: views, functions, DO blocks and what a name means
(search_path) are PostgreSQL's alone to know. docs/reference/policy.md has the limits.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256

from pgward.policy.condensing import condensed
from pgward.policy.context import Statement
from pgward.policy.encodings import to_utf8
from pgward.policy.harmless import HARMLESS
from pgward.policy.statement_kinds import (
    FUNCTION_CALL,
    READING,
    UNPARSED,
)
from pgward.policy.statement_walk import facts_of
from pgward.policy.tree import Node, UnparsedError, longest, parse

UTF8 = "UTF8"
_CACHED_BYTES = 4096
_CACHED = 1024
_LARGE = 256
_SHORT = 1024  # bytes of a text that is parsed faster than it is condensed
_SWALLOWED = re.compile(rb"(?<=[\x80-\xff])\\")
_large: dict[tuple[bytes, str, str], Sequence[Statement]] = {}
"""What was seen of large texts, by their digests."""


def classify(text: bytes, *, encoding: str = UTF8, protocol: str = "simple") -> Sequence[Statement]:
    """Return the statements of a text in the client's encoding; none for an empty one.

    Never raises for any text: what cannot be read is one statement of the kind UNPARSED.
    """
    if len(text) <= _CACHED_BYTES:
        return _cached(text, encoding, protocol)
    key = sha256(text).digest(), encoding, protocol
    found = _large.pop(key, None)
    if found is None:
        found = _classify(text, encoding, protocol)
        if len(_large) >= _LARGE:
            del _large[next(iter(_large))]
    _large[key] = found  # last of all: the first is forgotten first
    return found


def unread(why: str, *, text: str = "", whole: bool = True, protocol: str = "simple") -> Statement:
    """Return what stands for a text that was not read, or not to its end."""
    return Statement(
        UNPARSED,
        (UNPARSED,),
        text=text.replace("\0", "\ufffd"),
        whole=whole,
        protocol=protocol,
        parsed=False,
        why=why,
    )


def function_call(oid: int) -> Statement:
    """Return what a FunctionCall message asks for: one function, by its number."""
    return Statement(FUNCTION_CALL, (FUNCTION_CALL,), functions=(str(oid),), protocol="function")


@lru_cache(maxsize=_CACHED)
def _cached(text: bytes, encoding: str, protocol: str) -> Sequence[Statement]:
    return _classify(text, encoding, protocol)


def read_raw(text: bytes, *, encoding: str = UTF8) -> Sequence[tuple[Node, bytes]]:
    """Return the statements (RawStmt) of every reading of a text, each with its own words.

    What is too long for the parser is condensed: each statement comes with the words of all then.
    A backslash in a plain string means two things, by a setting that may change unseen. PostgreSQL
    refuses a text in the reading in which it does not parse, so that one is of no consequence.
    Raises UnparsedError where no reading parses, or one could not be tried.
    """
    found: list[tuple[Node, bytes]] = []
    problems: list[UnparsedError] = []
    parsed: list[tuple[bytes, bool]] = []
    most = longest()
    for reading, escapes in _readings(to_utf8(text, encoding)):
        large = len(reading) > most
        sense = _sense(reading, most, escapes=escapes)
        if sense in parsed:
            continue
        try:
            raw = parse(sense[0] if large else reading, backslashes_escape=escapes)
        except UnparsedError as error:
            if not error.refused:
                raise
            problems.append(error)
        else:
            parsed.append(sense)
            found += ((each, reading if large else _words(each, reading)) for each in raw)
    if not parsed:
        raise problems[0]
    return found


def _sense(reading: bytes, most: int, *, escapes: bool) -> tuple[bytes, bool]:
    """Return what is the same for readings that say the same; raise UnparsedError.

    In a text that is condensed no backslash is left.
    """
    if len(reading) > most:
        return condensed(reading, most, backslashes_escape=escapes), False
    if len(reading) > _SHORT:
        with suppress(UnparsedError):
            return condensed(reading, most, backslashes_escape=escapes), False
    return reading, escapes


def _words(raw: Node, text: bytes) -> bytes:
    fields = dict(raw.fields())
    begin, length = fields.get("stmt_location", 0), fields.get("stmt_len", 0)
    return text[begin : begin + length if length else None]


def _classify(text: bytes, encoding: str, protocol: str) -> Sequence[Statement]:
    """Return the statements of every reading: all of them must be allowed."""
    try:
        raw = read_raw(text, encoding=encoding)
        return tuple(dict.fromkeys(_statement(each, words, protocol) for each, words in raw))
    except UnparsedError as error:
        seen = text.decode(errors="replace") if error.whole else ""
        return (unread(str(error), text=seen, whole=error.whole, protocol=protocol),)


def _readings(text: bytes) -> Iterator[tuple[bytes, bool]]:
    yield text, False
    if b"\\" in text:
        yield text, True
        # In some Asian encodings a backslash may be the second half of a letter.
        if not text.isascii() and (other := _SWALLOWED.sub(b"", text)) != text:
            yield other, False
            yield other, True


def _statement(raw: Node, words: bytes, protocol: str) -> Statement:
    facts = facts_of(dict(raw.fields())["stmt"])
    kinds = tuple(facts.kinds)
    large = len(words) > longest()
    return Statement(
        kind=kinds[0],
        kinds=kinds,
        tables=tuple(facts.tables),
        names=tuple(facts.names),
        functions=tuple(facts.functions),
        settings=tuple(facts.settings),
        text="" if large else words.decode(errors="replace").strip(),
        why=f"its text is longer than {longest()} bytes" if large else "",
        reads=READING.issuperset(kinds) and HARMLESS.issuperset(facts.functions),
        protocol=protocol,
    )
