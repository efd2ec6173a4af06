"""SQL cut into tokens by PostgreSQL's lexical rules, also where it does not parse.

Manual, section 4.1, with ``standard_conforming_strings`` on, as it is by default. Every byte is in
exactly one token; what is not terminated goes to the end of the text. Time is linear.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

_WORD = rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+"
_TOKEN = re.compile(
    rb"""
    (?P<space>    [ \t\n\r\f\v]++ | --[^\n\r]*+ )
  | (?P<block>    /\* )
  | (?P<literal>  (?: [bBxXnN] | [uU]& )?+ '[^']*+(?:''[^']*+)*+ '?+
               |  [eE]'(?: [^'\\]++ | '' | \\. )*+ (?: ' | \\\Z | \Z ) )
  | (?P<dollar>   \$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?+\$ )
  | (?P<name>     (?: [uU]& )?+ "[^"]*+(?:""[^"]*+)*+ "?+ )
  | (?P<word>     """
    + _WORD
    + rb""" )
  | (?P<parameter>\$[0-9]++ )
  | (?P<number>   \.?[0-9][0-9A-Za-z_.]*+ )
  | (?P<mark>     . )
""",
    re.VERBOSE | re.DOTALL,
)
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
    MARK = "mark"  # one byte of punctuation or of an operator


_KINDS = {kind.value: kind for kind in Kind}


class Token(NamedTuple):
    """One token: ``text[start:end]``; of a DOLLAR, ``tag`` with both of its ``$``."""

    kind: Kind
    start: int
    end: int
    tag: bytes = b""


def tokens(text: bytes, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Cut ``text[start:end]`` into tokens."""
    stop = len(text) if end is None else end
    at = start
    match = _TOKEN.match
    while at < stop:
        found = match(text, at, stop)
        if found is None:  # the pattern has a case for every byte
            raise AssertionError(at)
        kind = _KINDS[found.lastgroup or ""]
        tag = b""
        following = found.end()
        if kind is Kind.BLOCK:
            following = _end_of_comment(text, following, stop)
        elif kind is Kind.DOLLAR:
            tag = found[0]
            closing = text.find(tag, following, stop)
            following = stop if closing < 0 else closing + len(tag)
        yield Token(kind, at, following, tag)
        at = following


def _end_of_comment(text: bytes, at: int, stop: int) -> int:
    depth = 1
    for found in _COMMENT.finditer(text, at, stop):
        depth += 1 if found[0] == b"/*" else -1
        if depth == 0:
            return found.end()
    return stop
