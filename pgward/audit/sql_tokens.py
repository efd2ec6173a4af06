"""SQL cut into tokens by PostgreSQL's lexical rules, also where it does not parse.

Manual, section 4.1, with ``standard_conforming_strings`` on, as it is by default. Every byte is in
exactly one token; what is not terminated goes to the end of the text. Time is linear.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

_WORD = rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+"
# A repeat of much ends with |(?!), for Python 3.11.2: tests/unit/tools/test_regexes.py.
_TOKEN = re.compile(
    rb"""
    (?P<space>    [ \t\n\r\f\v]++ | --[^\n\r]*+ )
  | (?P<block>    /\* )
  | (?P<literal>  (?: [bBxXnN] | [uU]& )?+ '[^']*+(?:''[^']*+)*+ (?P<plain>'?+)
               |  [eE]'(?: [^'\\]++ | '' | \\. )*+ (?: (?P<escaped>') | \\?+\Z ) )
  | (?P<dollar>   \$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?+\$ )
  | (?P<name>     (?: [uU]& )?+ "[^"]*+(?:""[^"]*+)*+ "?+ )
  | (?P<word>     """
    + _WORD
    + rb""" )
  | (?P<parameter>\$[0-9]++ )
  | (?P<number>   \.?[0-9][0-9A-Za-z_.]*+ )
  | (?P<mark>     [+*<>=~!@\#%^&|`?]++ | . )
""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(
    rb"""(?:
    [ \t\n\r\f\v]++ | --[^\n\r]*+[\n\r]
  | (?: [bBxXnN] | [uU]& )?+ '[^']*+(?:''[^']*+)*+'
  | [eE]'(?: [^'\\]++ | '' | \\. )*+'
  | (?: [uU]& )?+ "[^"]*+(?:""[^"]*+)*+"
  | (?! (?: [eEbBxXnN] | [uU]& ) ['"] ) """
    + _WORD
    + rb""" | \$[0-9]++ | \.?[0-9][0-9A-Za-z_.]*+
  | [^\sA-Za-z_\x80-\xff0-9'"$/\-] | -(?!-) | /(?!\*) | (?!)
    )*+""",
    re.VERBOSE | re.DOTALL,
)
_DASH = ord("-")  # how a comment to the end of the line begins
_COMMENT = re.compile(rb"/\*|\*/")


class Kind(Enum):
    """What a token is."""

    SPACE = "space"  # also a comment to the end of the line
    BLOCK = "block"  # a comment /* */, nested ones in it
    LITERAL = "literal"  # '…' with its prefix
    DOLLAR = "dollar"  # $tag$…$tag$
    NAME = "name"  # "…"
    WORD = "word"
    PARAMETER = "parameter"  # $1
    NUMBER = "number"
    MARK = "mark"  # one byte of punctuation, or an operator, or a part of one


_KINDS = {_TOKEN.groupindex[kind.value]: kind for kind in Kind}
_CLOSINGS = (_TOKEN.groupindex["plain"], _TOKEN.groupindex["escaped"])


class Token(NamedTuple):
    """One token, ``text[start:end]``; of a LITERAL or DOLLAR the content, ``text[first:last]``."""

    kind: Kind
    start: int
    end: int
    first: int = 0
    last: int = 0


def tokens(text: bytes, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Cut ``text[start:end]`` into tokens."""
    return map(Token._make, cut(text, start, len(text) if end is None else end, blanks=True))


def cut(
    text: bytes, start: int, stop: int, *, blanks: bool = False
) -> Iterator[tuple[Kind, int, int, int, int]]:
    """Cut ``text[start:stop]`` into tokens, as plain tuples; white space is left out."""
    kinds, (plain, escaped) = _KINDS, _CLOSINGS
    literal, space, dollar, block = Kind.LITERAL, Kind.SPACE, Kind.DOLLAR, Kind.BLOCK
    at = start
    while at < stop:
        for found in _TOKEN.finditer(text, at, stop):
            first, at = found.span()
            kind = kinds[found.lastindex or 0]
            if kind is literal:
                closing = 1 if found[plain] or found[escaped] else 0
                yield literal, first, at, text.index(b"'", first) + 1, at - closing
            elif kind is space:
                if blanks or text[first] == _DASH:
                    yield space, first, at, 0, 0
            elif kind is dollar:
                content, (last, at) = at, _end_of_dollar(text, found[0], at, stop)
                yield dollar, first, at, content, last
                break
            elif kind is block:
                at = _end_of_comment(text, at, stop)
                yield block, first, at, 0, 0
                break
            else:
                yield kind, first, at, 0, 0


def skip(text: bytes, start: int, end: int) -> int:
    """Return where a token begins that is at most ``end``, as near to it as is quickly found.

    ``end`` is where a token begins, or in the middle of a literal or comment.
    """
    found = _PLAIN.match(text, start, end)
    return start if found is None else found.end()


def _end_of_dollar(text: bytes, tag: bytes, at: int, stop: int) -> tuple[int, int]:
    closing = text.find(tag, at, stop)
    return (stop, stop) if closing < 0 else (closing, closing + len(tag))


def _end_of_comment(text: bytes, at: int, stop: int) -> int:
    depth = 1
    for found in _COMMENT.finditer(text, at, stop):
        depth += 1 if found[0] == b"/*" else -1
        if depth == 0:
            return found.end()
    return stop
