"""PostgreSQL's own parser (libpg_query), kept from what could stop the process that asks.

Its C code recurses: 340 bytes of stack a level, and one byte of text can be a level. 16 KiB of
text were never seen to need more than 4 MiB (tests/unit/policy/test_tree_stack.py tries). What
comes out is read here as bytes, in protocol buffers' wire format: their own reader gives up at
50 levels.
"""

import ctypes
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from pgward.core.errors import PgwardError

MAX_BYTES = 16 * 1024
_SAFE_STACK = 8 * 1024 * 1024  # twice what the worst text needed
MAX_COMMENTS = 500  # nested ones are read over and over again
_LONG_OPERATOR = re.compile(rb"[-+*/<>=~!@#%^&|`?]{1000}")  # so are letters of operators in a row
MAX_NODES = 20_000
MAX_OPERATORS = 2000  # each may be a level, and what a text costs grows with its depth squared
_OPERATORS = b"-+*/<>=~!@#%^&|`?:"
_NESTING = re.compile(rb"(?<=[^\s,(])\s*[-+*/<>=~!@#%^&|`?:]")
_STRING = re.compile(rb"'[^']*'")
_HIDES_QUOTES = re.compile(rb'["\\$]|--|/\*')
# What is not a number, of the wire types; the grammar's answers have no others.
_LENGTH = 2
_MORE = 0x80  # set in a varint's byte when another follows
# What stands in an error of PostgreSQL's may be a password, and reasons go on record.
_NEAR = re.compile(r' at or near ".*"\Z', re.DOTALL)
_LITERAL = re.compile(r"['$]")
# PostgreSQL 14 and older put up with the one, and any version may have more room than this one.
_VERSIONS = re.compile(r"trailing junk|memory exhausted")
_ABOUT_SECRETS = re.compile(rb"passw|secret|passphrase|pwd|://")
# PG_QUERY_DISABLE_STANDARD_CONFORMING_STRINGS of pg_query.h.
_BACKSLASHES_ESCAPE = 32
_NODE = "Node"
_TEXT_TYPE = 9  # of FieldDescriptor: a string


class UnparsedError(Exception):
    """The text is no SQL that this grammar knows, or is not given to it at all.

    ``refused``: PostgreSQL's grammar says no, so that PostgreSQL would, too.
    """

    def __init__(self, why: str, *, whole: bool = True, refused: bool = False) -> None:
        super().__init__(why)
        self.whole = whole
        self.refused = refused


@dataclass(slots=True)
class Shape:
    """One message type: its name, and by number its fields' names, shapes, and who is a text."""

    name: str
    fields: dict[int, tuple[str, "Shape | None", bool]] = field(default_factory=dict)


_UNKNOWN: tuple[str, Shape | None, bool] = ("", None, False)


@dataclass(slots=True)  # not frozen: that would take three times as long to make
class Node:
    """One message of a tree, still as bytes."""

    shape: Shape
    data: bytes
    start: int
    end: int

    @property
    def name(self) -> str:
        """The type: ``SelectStmt``, ``RangeVar``."""
        return self.shape.name

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Give each field that is set: numbers as int, texts as str, nodes as Node."""
        data, at, end, known = self.data, self.start, self.end, self.shape.fields
        while at < end:
            tag, at = data[at], at + 1
            if tag >= _MORE:
                tag, at = _number(data, at - 1)
            value, at = data[at], at + 1
            if value >= _MORE:
                value, at = _number(data, at - 1)
            begin = at
            if tag & 7 == _LENGTH:
                at += value
            name, shape, is_text = known.get(tag >> 3, _UNKNOWN)
            if shape is not None:
                inner = _unwrapped(shape, data, begin, at)
                if inner is not None:
                    yield name, inner
            elif name:
                yield name, data[begin:at].decode() if is_text else value


def parse(text: bytes, *, backslashes_escape: bool = False) -> list[Node]:
    """Return the statements (RawStmt) of a text; raise UnparsedError.

    ``backslashes_escape``: as with standard_conforming_strings off. Call it on a main thread: the
    stack of another may be smaller than this process may have.
    """
    _refuse_what_is_dear(text)
    library = _library()
    flags = _BACKSLASHES_ESCAPE if backslashes_escape else 0
    result = library.parse(text, flags)
    try:
        if result.error:
            message = (result.error.contents.message or b"").decode(errors="replace")
            raise UnparsedError(_discreet(message, text), refused=not _VERSIONS.match(message))
        tree = result.parse_tree
        data = ctypes.string_at(tree.data, tree.len)
    finally:
        library.free(result)
    root = Node(library.root, data, 0, len(data))
    return [value for name, value in root.fields() if name == "stmts"]


def _discreet(message: str, text: bytes) -> str:
    """Return PostgreSQL's words; what it stopped at only where that is no literal or secret."""
    near = _NEAR.search(message)
    if near and (_LITERAL.search(near[0]) or _ABOUT_SECRETS.search(text.lower())):
        return message[: near.start()]
    return message


def longest() -> int:
    """Return how many bytes of text may be parsed, by the stack that this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft >= _SAFE_STACK:
        return MAX_BYTES
    return MAX_BYTES * soft // _SAFE_STACK


def _refuse_what_is_dear(text: bytes) -> None:
    if len(text) > longest():
        raise UnparsedError(f"it is longer than {longest()} bytes", whole=False)
    if b"\0" in text:
        raise UnparsedError("it has a zero byte")
    if text.count(b"/*") > MAX_COMMENTS or _LONG_OPERATOR.search(text):
        raise UnparsedError("it has too many comments, or too long an operator")
    if _operators(text) > MAX_OPERATORS:
        raise UnparsedError("it has too many operators")


def _operators(text: bytes) -> int:
    """Return how many operators a text may have at most; signs of numbers in lists are none."""
    found = len(text) - len(text.translate(None, _OPERATORS))
    if found <= MAX_OPERATORS:
        return found
    plain = text if _HIDES_QUOTES.search(text) else _STRING.sub(b"''", text)
    return len(_NESTING.findall(plain))


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint: seven bits a byte, the lowest first."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
        shift += 7


def _unwrapped(shape: Shape, data: bytes, start: int, end: int) -> Node | None:
    """Return a node; of the type Node, which stands for any other, what is inside it."""
    if shape.name != _NODE:
        return Node(shape, data, start, end)
    if start == end:
        return None
    tag, at = _number(data, start)
    length, at = _number(data, at)
    found = shape.fields.get(tag >> 3)
    if found is None or found[1] is None:
        return None
    return Node(found[1], data, at, at + length)


@dataclass(frozen=True, slots=True)
class _Library:
    parse: Any
    free: Any
    root: Shape


@cache
def _library() -> _Library:
    try:
        native: Any = import_module("postgast.native")  # an extra, and its stubs are not for mypy
        messages: Any = import_module("postgast.pg_query_pb2")
    except (ImportError, OSError) as error:
        raise PgwardError(
            f"rules on statements need the package postgast: {error}",
            hint="pip install 'pgward[edge]'",
        ) from None
    parse = native.lib.pg_query_parse_protobuf_opts
    parse.argtypes = [ctypes.c_char_p, ctypes.c_int]
    parse.restype = native.PgQueryProtobufParseResult
    root = _shape(messages.ParseResult.DESCRIPTOR, {})
    return _Library(parse, native.lib.pg_query_free_protobuf_parse_result, root)


def _shape(descriptor: Any, known: dict[str, Shape]) -> Shape:
    if descriptor.name in known:
        return known[descriptor.name]
    shape = known[descriptor.name] = Shape(str(descriptor.name))
    for each in descriptor.fields:
        inner = _shape(each.message_type, known) if each.message_type else None
        shape.fields[each.number] = (str(each.name), inner, each.type == _TEXT_TYPE)
    return shape
