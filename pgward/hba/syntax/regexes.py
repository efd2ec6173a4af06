r"""Regular expressions as PostgreSQL takes them in pg_hba.conf and pg_ident.conf.

They are advanced regular expressions (manual, section 9.7.3), compiled before there is any database
and so over bytes, in the C locale: ``\w`` is ASCII, ``.`` is one byte and also a line end, ``$`` is
nothing but the very end. An expression is read by that grammar, so that what PostgreSQL refuses is
refused, and written anew for Python's ``re``.
"""

import functools
import re
import string
from dataclasses import dataclass

MOST_REPEATS = 255  # DUPMAX in src/include/regex/regguts.h
_OCTET = 256
_WORD = "A-Za-z0-9_"
_SPACE = r"\t\n\v\f\r "
_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": _SPACE,
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_FIRST_WITH_COMPLEMENTS = 14  # [\W] and [[:word:]]
_LETTERS = {"a": 7, "b": 8, "B": 92, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_SETS = {"d": "0-9", "s": _SPACE, "w": _WORD}
_PLACES = {
    "A": r"\A",
    "Z": r"\Z",
    "m": rf"(?<![{_WORD}])(?=[{_WORD}])",
    "M": rf"(?<=[{_WORD}])(?![{_WORD}])",
    "y": rf"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "Y": rf"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
}
_NEVER_IN_BRACKETS = frozenset({*_PLACES, *_SETS, "D", "S", "W"})
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")


class BadRegexError(ValueError):
    """An expression that PostgreSQL refuses."""


class BeyondUsError(ValueError):
    """An expression that PostgreSQL takes, and of which this module cannot tell what it does."""


@dataclass(frozen=True, slots=True)
class Regex:
    """A compiled expression; its words are as PostgreSQL's, not as Python's."""

    source: str
    matcher: re.Pattern[str]
    groups: int
    starts: bool
    ends: bool
    plain: bool

    @property
    def anchored(self) -> bool:
        """Whether it speaks of the whole text, from ``^`` to ``$``."""
        return self.starts and self.ends

    def matches(self, text: str) -> bool:
        """Tell whether it is found anywhere in a text."""
        return self.matcher.search(octets(text)) is not None

    def first_group(self, text: str) -> str | None:
        r"""Return what ``\1`` stands for in a text that it matches.

        Raises BeyondUsError where PostgreSQL, which takes the longest, may find something else
        than Python, which takes the first.
        """
        found = self.matcher.search(octets(text))
        if found is None or not self.groups or found[1] is None:
            return None
        if not (self.plain and self.anchored):
            raise BeyondUsError(f"what \\1 is in {self.source!r} is not told with certainty")
        return _text(found[1])


@functools.lru_cache(maxsize=4096)
def compiled(source: str, version: int) -> Regex:
    """Compile an expression, without the slash before it.

    Raises BadRegexError for what this version refuses, BeyondUsError for what is not read here.
    """
    reader = _Reader(octets(source), version)
    try:
        written = reader.whole()
        matcher = re.compile(written, re.ASCII | re.DOTALL | reader.flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise BeyondUsError(f"{source!r} cannot be followed: {error}") from None
    return Regex(source, matcher, reader.groups, reader.starts, reader.ends, reader.plain)


def octets(text: str) -> str:
    """Return a text with one letter for each byte of its UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _text(octets: str) -> str:
    return octets.encode("latin-1").decode("utf-8", "surrogateescape")


class _Reader:
    """Recursive descent over one expression (``regcomp.c`` and ``regc_lex.c``)."""

    def __init__(self, text: str, version: int) -> None:
        self._text = text
        self._version = version
        self._at = 0
        self.groups = 0
        self.flags = 0
        self.plain = True
        self.starts = False
        self.ends = False
        self._dollar = 0
        self._closed: set[int] = set()

    def whole(self) -> str:
        if self._text.startswith("***="):
            self.plain = False
            return re.escape(self._text[4:])
        if self._text.startswith("***:"):
            self._at = 4
        elif self._text.startswith("***"):
            raise BadRegexError("*** must be followed by = or :")
        self._options()
        first = self._at
        branches = self._alternatives()
        if self._at < len(self._text):
            raise BadRegexError(f"parentheses () not balanced in {self._text!r}")
        if len(branches) == 1:
            self.starts = self._text.startswith("^", first)
            self.ends = self._dollar == self._at
        return "|".join(branches)

    def _options(self) -> None:
        """Read ``(?i)`` and its like, which stand at the very start only."""
        match = re.compile(r"\(\?([a-zA-Z]+)(\)?)").match(self._text, self._at)
        if match is None:
            return
        if not match[2]:
            raise BadRegexError("invalid embedded option")
        for letter in match[1]:
            if letter == "i":
                self.flags |= re.IGNORECASE
            elif letter == "c":
                self.flags &= ~re.IGNORECASE
            elif letter in "bempnqswxt" and letter not in "st":
                raise BeyondUsError(f"the embedded option {letter!r} is not followed here")
            elif letter not in "st":
                raise BadRegexError(f"invalid embedded option {letter!r}")
        self._at = match.end()

    def _alternatives(self) -> list[str]:
        branches = [self._branch()]
        while self._peek() == "|":
            self._at += 1
            self.plain = False
            branches.append(self._branch())
        return branches

    def _branch(self) -> str:
        pieces: list[str] = []
        self._skip_comments()
        while (char := self._peek()) and char not in "|)":
            pieces.append(self._piece(char))
            self._skip_comments()
        return "".join(pieces)

    def _skip_comments(self) -> None:
        while self._text.startswith("(?#", self._at):
            end = self._text.find(")", self._at)
            if end < 0:
                raise BadRegexError("a comment does not end")
            self._at = end + 1

    def _piece(self, char: str) -> str:
        """Read an atom with its quantifier, or a constraint, which takes none."""
        text = self._text
        if char in "*+?" or (char == "{" and self._peek(1).isdigit()):
            raise BadRegexError(f"a quantifier has nothing to repeat in {text!r}")
        if char in "^$":
            self._at += 1
            if char == "$":
                self._dollar = self._at
            return r"\A" if char == "^" else r"\Z"
        look = next((each for each in _LOOKS if text.startswith(each, self._at)), None)
        if look is not None:
            return self._look(look)
        if char == "\\" and self._peek(1) in _PLACES:
            self._at += 2
            return _PLACES[text[self._at - 1]]
        if text.startswith(("[[:<:]]", "[[:>:]]"), self._at):
            self._at += 7
            return _PLACES["m" if text[self._at - 4] == "<" else "M"]
        return self._atom(char) + self._quantifier()

    def _look(self, opening: str) -> str:
        self._at += len(opening)
        groups, self.plain = self.groups, False
        inside = "|".join(self._alternatives())
        self._close()
        if self.groups != groups:
            raise BeyondUsError("groups inside a lookaround are not followed here")
        return f"{opening}{inside})"

    def _atom(self, char: str) -> str:
        if char == "(":
            return self._group()
        if char == "[":
            return self._bracket()
        self._at += 1
        if char == ".":
            return "."
        return self._escape() if char == "\\" else re.escape(char)

    def _group(self) -> str:
        if self._text.startswith("(?:", self._at):
            self._at += 3
            inside = "|".join(self._alternatives())
            self._close()
            return f"(?:{inside})"
        if self._text.startswith("(?", self._at):
            raise BadRegexError(f"invalid group in {self._text!r}")
        self._at += 1
        self.groups += 1
        number = self.groups
        inside = "|".join(self._alternatives())
        self._close()
        self._closed.add(number)
        return f"({inside})"

    def _close(self) -> None:
        if self._peek() != ")":
            raise BadRegexError(f"parentheses () not balanced in {self._text!r}")
        self._at += 1

    def _quantifier(self) -> str:
        self._skip_comments()
        char = self._peek()
        if char and char in "*+?":
            self._at += 1
            written = char
        elif char == "{" and self._peek(1).isdigit():
            written = self._bound()
        else:
            return ""
        if self._peek() == "?":
            self._at += 1
            self.plain = False
            written += "?"
        return written

    def _bound(self) -> str:
        match = re.compile(r"\{([0-9]+)(,([0-9]*))?\}").match(self._text, self._at)
        if match is None:
            raise BadRegexError(f"invalid repetition count in {self._text!r}")
        least = int(match[1])
        most = int(match[3]) if match[3] else least
        if least > MOST_REPEATS or most > MOST_REPEATS or least > most:
            raise BadRegexError(f"invalid repetition count {match[0]!r}")
        self._at = match.end()
        return match[0]

    def _escape(self) -> str:
        """Read what follows a backslash outside brackets."""
        char = self._peek()
        if char and char in _SETS.keys() | {each.upper() for each in _SETS}:
            self._at += 1
            sign = "^" if char.isupper() else ""
            return f"[{sign}{_SETS[char.lower()]}]"
        if number := self._reference():
            if number not in self._closed:
                raise BadRegexError(f"invalid backreference \\{number}")
            self._at += len(str(number))
            self.plain = False
            return f"(?:\\{number})"
        return re.escape(self._letter())

    def _reference(self) -> int:
        """Return the group that digits here name; 0 where they are an octal number, or none."""
        match = re.compile("[1-9][0-9]*").match(self._text, self._at)
        if match is None:
            return 0
        number = int(match[0])
        return number if len(match[0]) == 1 or number <= self.groups else 0

    def _letter(self) -> str:
        """Read the escape of one letter, the backslash having been read."""
        char = self._peek()
        if not char:
            raise BadRegexError("invalid escape \\ sequence at the end")
        self._at += 1
        if not (char.isascii() and char.isalnum()):
            return char
        if char in _LETTERS:
            return chr(_LETTERS[char])
        if char == "c" and self._peek():
            self._at += 1
            return chr(ord(self._text[self._at - 1]) & 0o37)
        match = None
        if char in "uUx":
            wanted = {"u": "{4}", "U": "{8}", "x": "{1,255}"}[char]
            match = re.compile(f"[0-9a-fA-F]{wanted}").match(self._text, self._at)
            base = 16
        elif char in string.octdigits:
            self._at -= 1
            match = re.compile("[0-7]{1,3}").match(self._text, self._at)
            base = 8
        if match is None:
            raise BadRegexError(f"invalid escape \\ sequence \\{char}")
        self._at = match.end()
        number = int(match[0], base)
        if number >= _OCTET:
            raise BeyondUsError(f"\\{char}{match[0]} is no byte")
        return chr(number)

    def _bracket(self) -> str:
        self._at += 1
        sign = "^" if self._peek() == "^" else ""
        self._at += len(sign)
        items: list[str] = []
        first = True
        while first or self._peek() != "]":
            items.append(self._bracket_item(first=first))
            first = False
        self._at += 1
        return f"[{sign}{''.join(items)}]"

    def _bracket_item(self, *, first: bool) -> str:
        """Read a class, a letter or a range."""
        if self._peek() == "[" and self._peek(1) == ":":
            return self._class()
        if self._peek() == "\\" and self._peek(1).lower() in _SETS and self._peek(1):
            self._at += 2
            char = self._text[self._at - 1]
            if char.islower():
                return _SETS[char]
            if self._version < _FIRST_WITH_COMPLEMENTS:
                raise BadRegexError(f"invalid escape \\ sequence \\{char} in brackets")
            return f"\\{char}"
        if self._peek() == "-" and not first and self._peek(1) != "]":
            raise BadRegexError(f"invalid character range in {self._text!r}")
        low = self._bracket_letter()
        if self._peek() != "-" or self._peek(1) == "]":
            return re.escape(low)
        self._at += 1
        if self._peek() == "[" and self._peek(1) == ":":
            raise BadRegexError(f"invalid character range in {self._text!r}")
        high = self._bracket_letter()
        if low > high:
            raise BadRegexError(f"invalid character range {low}-{high}")
        return f"{re.escape(low)}-{re.escape(high)}"

    def _bracket_letter(self) -> str:
        char = self._peek()
        if not char:
            raise BadRegexError(f"brackets [] not balanced in {self._text!r}")
        self._at += 1
        if char == "\\":
            if self._reference() or self._peek() in _NEVER_IN_BRACKETS:
                raise BadRegexError("invalid escape \\ sequence in brackets")
            return self._letter()
        kind = self._peek()
        if char == "[" and kind and kind in ".=":
            end = self._text.find(f"{kind}]", self._at + 1)
            inside = self._text[self._at + 1 : end]
            if end < 0:
                raise BadRegexError(f"brackets [] not balanced in {self._text!r}")
            if len(inside) != 1:
                raise BeyondUsError(f"the collating element {inside!r} is not followed here")
            self._at = end + 2
            return inside
        return char

    def _class(self) -> str:
        end = self._text.find(":]", self._at)
        if end < 0:
            raise BadRegexError(f"brackets [] not balanced in {self._text!r}")
        name = self._text[self._at + 2 : end]
        self._at = end + 2
        if name == "word" and self._version >= _FIRST_WITH_COMPLEMENTS:
            return _WORD
        if name not in _CLASSES:
            raise BadRegexError(f"invalid character class {name!r}")
        return _CLASSES[name]

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._text[at : at + 1]
