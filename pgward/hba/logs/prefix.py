"""``log_line_prefix`` as a reader of the lines that begin with it (PostgreSQL manual, 19.8.3)."""

import re
from dataclasses import dataclass

from pgward.core.errors import InvalidInputError

_STAMP = r"\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d"
_ZONE = r"[A-Za-z0-9+:/_-]+"
# A name is 63 bytes at most; without a bound, a hostile line would take for ever to read.
_ANY = ".{0,64}?"
# By escape: a name for what is of use, and an expression for all that it can be.
_ESCAPES = {
    "a": (None, _ANY),
    "u": ("user", _ANY),
    "d": ("database", _ANY),
    "r": ("remote", r"(?:\[local\]|\S{0,256}?(?:\(\d{1,5}\))?)"),
    "h": ("host", r"(?:\[local\]|\S{0,256}?)"),
    "L": (None, r"(?:\[local\]|\S{0,256}?)"),
    "b": (None, r"[^\t]{0,64}?"),
    "p": ("pid", r"\d+"),
    "P": (None, r"\d*"),
    "t": ("time", rf"{_STAMP} {_ZONE}"),
    "m": ("time", rf"{_STAMP}\.\d{{3}} {_ZONE}"),
    "n": ("epoch", r"\d+\.\d{3}"),
    "i": (None, _ANY),
    "e": ("sqlstate", r"[0-9A-Z]{5}"),
    "c": ("session", r"[0-9a-f]+\.[0-9a-f]+"),
    "l": (None, r"\d+"),
    "s": (None, rf"(?:{_STAMP} {_ZONE})"),
    "v": (None, r"(?:-?\d+/\d+)?"),
    "x": (None, r"\d+"),
    "Q": (None, r"-?\d+"),
}
_PIECE = re.compile(r"%(-?\d+)?(.)|%(-?\d*)\Z|[^%]+", re.DOTALL)
# Blanks at the end of the setting are lost where the server's program tells it.
_REST = r" *(?P<severity>[^\s:]{2,30}):  (?:(?P<verbose>[0-9A-Z]{5}): )?(?P<message>.*)"
_MAX = 2000


@dataclass(frozen=True, slots=True)
class Prefix:
    """A compiled prefix.

    ``joins`` tells whether lines say whose they are, ``forgeable`` whether a client's own words
    stand in it: names are written as they came, line breaks and all.
    """

    names: frozenset[str]
    forgeable: bool
    _first: re.Pattern[str]
    _last: re.Pattern[str]

    @property
    def joins(self) -> bool:
        """Whether lines of one connection can be known by the prefix."""
        return bool(self.names & {"pid", "session"})

    @property
    def has_time(self) -> bool:
        """Whether lines say when."""
        return bool(self.names & {"time", "epoch"})

    def read(self, line: str) -> dict[str, str | None] | None:
        """Return the parts of a line, or None when it does not begin with the prefix."""
        match = self._first.fullmatch(line)
        return None if match is None else match.groupdict()

    def is_ambiguous(self, line: str) -> bool:
        """Tell whether the line can be read in another way, as a name in it may look like more."""
        if not self.forgeable:
            return False
        first, last = self._first.fullmatch(line), self._last.fullmatch(line)
        return first is None or last is None or first.start("message") != last.start("message")


def compile_prefix(text: str) -> Prefix:
    """Compile a log_line_prefix; what PostgreSQL does not know in it, it writes as nothing."""
    if len(text) > _MAX:
        raise InvalidInputError("log_line_prefix is too long")
    first, names = _expression(text.rstrip())
    last = first.replace(_ANY, _ANY.removesuffix("?"))
    forgeable = any(match[2] in ("u", "d", "a", "i") for match in _PIECE.finditer(text) if match[2])
    return Prefix(
        frozenset(names),
        forgeable,
        re.compile(first + _REST, re.DOTALL),
        re.compile(last + _REST, re.DOTALL),
    )


def _expression(text: str) -> tuple[str, set[str]]:
    found, names, optional = "", set(), 0
    for match in _PIECE.finditer(text):
        width, escape = match[1], match[2]
        if escape is None:
            found += "" if match[3] is not None else re.escape(match[0])
        elif escape == "%":
            found += "%"
        elif escape == "q":
            found, optional = found + "(?:", optional + 1  # other processes stop here
        elif escape in _ESCAPES:
            name, expression = _ESCAPES[escape]
            if name is not None and name not in names:
                names.add(name)
                expression = f"(?P<{name}>{expression})"
            found += _padded(expression, width)
    return found + ")?" * optional, names


def _padded(expression: str, width: str | None) -> str:
    if width is None:
        return expression
    return f"{expression} *" if width.startswith("-") else f" *{expression}"
