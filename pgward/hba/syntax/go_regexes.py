r"""Regular expressions as Go's package regexp takes them, for CockroachDB's identity maps.

The grammar is RE2's with Perl's classes (``regexp/syntax``): no references, no lookaround, no
stacked quantifiers; ``\d``, ``\s``, ``\w`` and ``\b`` are ASCII, ``$`` is the very end. What a
group holds is what a backtracking search would find first, as in Python, for which it is written.
"""

import functools
import re
import string
from dataclasses import dataclass

from pgward.hba.syntax.regexes import BadRegexError, BeyondUsError

_MOST_REPEATS = 1000
_WORD = "A-Za-z0-9_"
_PERL = {"d": "0-9", "s": r"\t\n\f\r ", "w": _WORD}
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": _WORD,
    "xdigit": "0-9A-Fa-f",
}
_LETTERS = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_EDGE = rf"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_WITHIN = rf"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))"
_PLACES = {"A": r"\A", "z": r"\Z", "b": _EDGE, "B": _WITHIN}
_BOUND = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_NAME = re.compile(r"\(\?P<([0-9A-Za-z_]+)>")
_NEWER_NAME = re.compile(r"\(\?<[0-9A-Za-z_]+>")
_FLAGS = re.compile(r"\(\?([A-Za-z-]+)([:)])")
_MOST_RUNE = 0x10FFFF


@dataclass(frozen=True, slots=True)
class GoRegex:
    """A compiled expression; ``plain`` where no quantifier stands within another one."""

    source: str
    matcher: re.Pattern[str]
    groups: int
    plain: bool

    def matches(self, text: str) -> bool:
        """Tell whether it is found anywhere in a text; raise BeyondUsError."""
        return self._found(text) is not None

    def first_group(self, text: str) -> str:
        """Return what the first group holds, empty where it took no part; raise BeyondUsError."""
        found = self._found(text)
        if not self.plain:
            raise BeyondUsError(f"what \\1 is in {self.source!r} is not told with certainty")
        return "" if found is None else found[1] or ""

    def _found(self, text: str) -> re.Match[str] | None:
        if not text.isascii() and (self.matcher.flags & re.IGNORECASE or not _is_utf8(text)):
            raise BeyondUsError(f"whether {self.source!r} matches {text!r} is not told here")
        return self.matcher.search(text)


@functools.lru_cache(maxsize=4096)
def compiled(source: str, *, fold: bool = False) -> GoRegex:
    """Compile an expression, without regard to case with ``fold``.

    Raises BadRegexError for what Go refuses, BeyondUsError for what is not read here.
    """
    if not _is_utf8(source):
        raise BadRegexError("the expression is no UTF-8")
    reader = _Reader(source)
    if fold:
        reader.flags |= re.IGNORECASE
    written = reader.whole()
    try:
        matcher = re.compile(written, reader.flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise BeyondUsError(f"{source!r} cannot be followed: {error}") from None
    return GoRegex(source, matcher, reader.groups, reader.plain)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


class _Reader:
    """Recursive descent over one expression (``regexp/syntax/parse.go``)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._names: set[str] = set()
        self._quantified = False
        self.groups = 0
        self.flags = 0
        self.plain = True

    def whole(self) -> str:
        flags = _FLAGS.match(self._text)
        if flags and flags[2] == ")":
            self._at = flags.end()
            self.flags |= self._flag_bits(flags[1])
        written = self._alternatives()
        if self._at < len(self._text):
            raise BadRegexError(f"unexpected ) in {self._text!r}")
        return written

    def _flag_bits(self, letters: str) -> int:
        known = {"i": re.IGNORECASE, "s": re.DOTALL}
        if not letters.strip("imsU-") and all(each in known for each in letters):
            return sum(known[each] for each in dict.fromkeys(letters))
        if letters.strip("imsU-") or letters.count("-") > 1 or letters.endswith("-"):
            raise BadRegexError(f"invalid flags (?{letters} in {self._text!r}")
        raise BeyondUsError(f"the flags (?{letters} are not followed here")

    def _alternatives(self) -> str:
        branches = [self._branch()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._branch())
        return "|".join(branches)

    def _branch(self) -> str:
        pieces: list[str] = []
        while (char := self._peek()) and char not in "|)":
            if char in "*+?":
                raise BadRegexError(f"a quantifier has nothing to repeat in {self._text!r}")
            if char == "{" and not pieces and _BOUND.match(self._text, self._at):
                raise BadRegexError(f"a quantifier has nothing to repeat in {self._text!r}")
            pieces.append(self._piece(char))
        return "".join(pieces)

    def _piece(self, char: str) -> str:
        before = self._quantified
        self._quantified = False
        atom = self._atom(char)
        inside, written = self._quantified, self._quantifier()
        if written and inside:
            self.plain = False
        self._quantified = before or inside or bool(written)
        return f"(?:{atom}){written}" if written else atom

    def _atom(self, char: str) -> str:
        if char == "(":
            return self._group()
        if char == "[":
            return self._bracket()
        self._at += 1
        if char in "^$":
            return r"\A" if char == "^" else r"\Z"
        if char == ".":
            return "."
        return self._escape() if char == "\\" else re.escape(char)

    def _group(self) -> str:
        text = self._text
        if text.startswith("(?:", self._at):
            self._at += 3
            return f"(?:{self._closed()})"
        if named := _NAME.match(text, self._at):
            if named[1] in self._names:
                raise BeyondUsError(
                    f"two groups are called {named[1]!r}: not all releases of Go agree"
                )
            self._names.add(named[1])
            self._at = named.end()
        elif flags := _FLAGS.match(text, self._at):
            self._flag_bits(flags[1])
            raise BeyondUsError("flags in the middle of an expression are not followed here")
        elif _NEWER_NAME.match(text, self._at):
            raise BeyondUsError("(?<name> is not followed here: older versions refuse it")
        elif text.startswith("(?", self._at):
            raise BadRegexError(f"invalid group in {text!r}")
        else:
            self._at += 1
        self.groups += 1
        return f"({self._closed()})"

    def _closed(self) -> str:
        inside = self._alternatives()
        if self._peek() != ")":
            raise BadRegexError(f"missing ) in {self._text!r}")
        self._at += 1
        return inside

    def _quantifier(self) -> str:
        char = self._peek()
        bound = _BOUND.match(self._text, self._at) if char == "{" else None
        if bound is not None:
            least = int(bound[1][:6])
            most = int(bound[3][:6]) if bound[3] else least
            if least > _MOST_REPEATS or most > _MOST_REPEATS or least > most:
                raise BadRegexError(f"invalid repeat count {bound[0]!r}")
            if len(bound[1]) > 1 and bound[1][0] == "0":
                raise BeyondUsError(f"the repeat count {bound[0]!r} is not followed here")
            self._at = bound.end()
            written = bound[0]
        elif char and char in "*+?":
            self._at += 1
            written = char
        else:
            return ""
        if self._peek() == "?":
            self._at += 1
            written += "?"
        char = self._peek()
        if (char and char in "*+?") or (char == "{" and _BOUND.match(self._text, self._at)):
            raise BadRegexError(f"invalid nested repetition operator in {self._text!r}")
        return written

    def _escape(self) -> str:
        """Read what follows a backslash outside brackets."""
        char = self._peek()
        if not char:
            raise BadRegexError("trailing backslash at the end of the expression")
        if char in _PLACES:
            self._at += 1
            return _PLACES[char]
        if char.lower() in _PERL:
            self._at += 1
            return f"[{'^' if char.isupper() else ''}{_PERL[char.lower()]}]"
        if char in "pP":
            raise BeyondUsError(f"\\{char} is not followed here")
        if char == "Q":
            end = self._text.find("\\E", self._at)
            inside = self._text[self._at + 1 : len(self._text) if end < 0 else end]
            self._at = len(self._text) if end < 0 else end + 2
            if self._peek() and self._peek() in "*+?{":
                raise BeyondUsError("a quantifier behind \\E is not followed here")
            return re.escape(inside)
        return re.escape(self._letter())

    def _letter(self) -> str:
        """Read the escape of one letter, the backslash having been read."""
        char = self._peek()
        if not char:
            raise BadRegexError("trailing backslash at the end of the expression")
        self._at += 1
        if char.isascii() and not char.isalnum():
            return char
        if char in _LETTERS:
            return _LETTERS[char]
        if char == "x":
            return self._hexadecimal()
        if char in string.octdigits:
            more = re.compile("[0-7]{0,2}").match(self._text, self._at)
            digits = "" if more is None else more[0]
            if char == "0" or digits:
                self._at += len(digits)
                return chr(int(char + digits, 8))
        raise BadRegexError(f"invalid escape sequence \\{char}")

    def _hexadecimal(self) -> str:
        found = re.compile(r"\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2})").match(self._text, self._at)
        if found is None or (value := int(found[1] or found[2], 16)) > _MOST_RUNE:
            raise BadRegexError("invalid escape sequence \\x")
        self._at = found.end()
        return chr(value)

    def _bracket(self) -> str:
        self._at += 1
        sign = "^" if self._peek() == "^" else ""
        self._at += len(sign)
        items: list[str] = []
        while not items or self._peek() != "]":
            items.append(self._bracket_item(first=not items))
        self._at += 1
        return f"[{sign}{''.join(items)}]"

    def _bracket_item(self, *, first: bool) -> str:
        text, char = self._text, self._peek()
        if char == "-" and not first and self._peek(1) != "]":
            raise BadRegexError(f"invalid character class range in {text!r}")
        if text.startswith("[:", self._at) and (end := text.find(":]", self._at + 2)) >= 0:
            name = text[self._at + 2 : end]
            if name.startswith("^") and name[1:] in _CLASSES:
                raise BeyondUsError(f"[:{name}:] is not followed here")
            if name not in _CLASSES:
                raise BadRegexError(f"invalid character class range [:{name}:]")
            self._at = end + 2
            return _CLASSES[name]
        if char == "\\" and self._peek(1).lower() in _PERL and self._peek(1):
            self._at += 2
            perl = text[self._at - 1]
            return _within_brackets(perl)
        if char == "\\" and self._peek(1) and self._peek(1) in "pP":
            raise BeyondUsError("\\p is not followed here")
        low = high = self._bracket_letter()
        if self._peek() == "-" and self._peek(1) not in {"]", ""}:
            self._at += 1
            high = self._bracket_letter()
            if high < low:
                raise BadRegexError(f"invalid character class range {low}-{high}")
            return f"{re.escape(low)}-{re.escape(high)}"
        return re.escape(low)

    def _bracket_letter(self) -> str:
        char = self._peek()
        if not char:
            raise BadRegexError(f"missing ] in {self._text!r}")
        self._at += 1
        return self._letter() if char == "\\" else char

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._text[at] if at < len(self._text) else ""


def _within_brackets(perl: str) -> str:
    """Return a class of Perl's within brackets; its complement is not followed there."""
    if perl.isupper():
        raise BeyondUsError(f"\\{perl} in brackets is not followed here")
    return _PERL[perl]
