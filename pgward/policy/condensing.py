"""Large texts without what says nothing: literals, comments, and constants in a row of a list.

What a statement does is in its other words: no kind, table, function or setting stands in a
literal or a comment. So a bulk INSERT, a long IN list or a file in a literal comes down to a few
bytes with the same kinds, tables, functions and settings.

Tokens are those of PostgreSQL's scanner (src/backend/parser/scan.l, versions 11 to 18). A text
with anything that one of them may take otherwise is not condensed: a statement could hide in it.
"""

import re
from typing import Final

from pgward.policy.tree import UnparsedError

MOST_BYTES: Final = 1024 * 1024
"""Of a text that is looked at."""

_MOST_COMMAS = 100_000  # a constant in a list costs 0.1 to 0.2 µs
_REPLACED: Final = {
    "list": b"",
    "literal": b"'x'",  # an empty one would make COPY FROM '' look like the client's data
    "tag": b"'x'",  # the last group of a literal in dollars
    "comment": b"\n",
    "comma": b",",
}

# What is repeated possessively is an atomic group in itself: Python 3.11.2, Debian 12's, does not
# go back to where a group began that fails in its middle.
_PLAIN = rb"'[^']*+(?:(?>''[^']*))*+'"
_ESCAPED = rb"'[^'\\]*+(?:(?>(?:\\.|'')[^'\\]*))*+'"
# Behind a new line such a string may go on, and a plain one of this reading would be none.
_GOES_ON = rb"(?!\s*+(?:'|--))"
_WORD = rb"[a-z_\x80-\xff][\w$\x80-\xff]*+"
_NUMBER = rb"(?>[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)(?![\w.$\x80-\xff])"
_NAMED = rb"""(?:null|true|false|default)(?![\w$\x80-\xff'"&.(\[])"""
_CAST = rb"(?>(?:::\s*+[a-z_]\w*+(?![\w$\x80-\xff])\s*+)?)"


# Two elements of a list at least: what has two arguments, as NULLIF, keeps them.
def _tokens(string: bytes) -> re.Pattern[bytes]:
    constant = rb"(?>%s|[-+]?%s|%s)\s*+%s" % (string, _NUMBER, _NAMED, _CAST)
    row = rb"\(\s*+%s(?:(?>,\s*+%s))*+\)\s*+" % (constant, constant)
    return re.compile(
        rb"""
        (?P<list> (?:(?> \s*+ , \s*+ (?> %(constant)s | %(row)s ) (?= [,)\];] | \Z ) )){2,}+ )
      | (?P<words> (?: (?> (?! (?:[bnxe]|u&)['"] ) %(word)s | %(number)s | "[^"]*+" | \$%(number)s
            | [\s=<>+*%%!~@\#^|&?`:;.()\[\]{}] | ,(?!\s*+['0-9entfd(+-]) | -(?!-) | /(?!\*)
            ) ){1,20000}+ )
      | (?P<literal> %(string)s | \$(?P<tag>(?:[a-z_\x80-\xff][\w\x80-\xff]*+)?)\$.*?\$(?P=tag)\$ )
      | (?P<comment> --[^\n\r]*+ | /\*(?:(?>[^*/]+|\*(?!/)|/(?!\*)))*+\*/ )
      | (?P<comma> , )
      | (?P<odd> . )
        """
        % {
            b"constant": constant,
            b"row": row,
            b"word": _WORD,
            b"number": _NUMBER,
            b"string": string,
        },
        re.VERBOSE | re.DOTALL | re.IGNORECASE,
    )


_IN_PLAIN = _tokens(rb"(?>%s|e%s%s)" % (_PLAIN, _ESCAPED, _GOES_ON))
_IN_ESCAPED = _tokens(rb"e?" + _ESCAPED)


def condensed(text: bytes, most: int, *, backslashes_escape: bool = False) -> bytes:
    """Return a text in UTF-8 of ``most`` bytes that says the same; raise UnparsedError.

    ``backslashes_escape``: as with standard_conforming_strings off.
    """
    if len(text) > MOST_BYTES:
        raise UnparsedError(f"it is longer than {MOST_BYTES} bytes", whole=False)
    if b"\0" in text:
        raise UnparsedError("it has a zero byte", whole=False)
    if text.count(b",") > _MOST_COMMAS:
        raise UnparsedError(f"it has more than {_MOST_COMMAS} commas", whole=False)
    parts, size = list[bytes](), 0
    for token in (_IN_ESCAPED if backslashes_escape else _IN_PLAIN).finditer(text):
        kind = token.lastgroup
        if kind == "odd":
            raise UnparsedError(_too_long(most, ", and not plain"), whole=False)
        part = token[0] if kind == "words" else _REPLACED[str(kind)]
        parts.append(part)
        size += len(part)
        if size > most:
            raise UnparsedError(_too_long(most, " without its literals"), whole=False)
    return b"".join(parts)


def _too_long(most: int, how: str) -> str:
    return f"it is longer than {most} bytes{how}"
