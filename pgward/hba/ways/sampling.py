r"""Names that a regular expression may match, to have one that stands for all that it does.

Guesses, each of which is tried before it is used: the expression is walked once, taking the first
of what may stand at each place.
"""

from collections.abc import Iterator

_LETTERS = {"d": "0", "w": "a", "s": " ", "D": "a", "S": "a", "W": "-"}
_CLASSES = {
    "[:digit:]": "0",
    "[:space:]": " ",
    "[:upper:]": "A",
    "[:punct:]": "_",
    "[:blank:]": " ",
}
_REPEATS = frozenset("*+?{")
_AROUND = (("", ""), ("a", ""), ("", "a"), ("a", "a"))


def samples(source: str) -> Iterator[str]:
    """Yield names that an expression may match, the likeliest first."""
    for many in (1, 2, 0):
        found = _Walk(source, many).text()
        for before, after in _AROUND:
            yield before + found + after
    yield from ("a", "A", "0", "_", "-", "admin", "x" * 8)


class _Walk:
    """One way through an expression, in which what may be repeated stands ``many`` times."""

    def __init__(self, source: str, many: int) -> None:
        self._source, self._many, self._at = source.removeprefix("***:"), many, 0

    def text(self) -> str:
        return self._branches()

    def _branches(self) -> str:
        """Take the first branch up to the end or a closing parenthesis."""
        found: list[str] = []
        skipping = False
        while self._at < len(self._source):
            letter = self._take()
            if letter == ")":
                break
            if letter == "|":
                skipping = True
                continue
            piece = self._atom(letter)
            if piece is not None and not skipping:
                found.append(self._repeated(piece))
        return "".join(found)

    def _atom(self, letter: str) -> str | None:
        if letter in "^$":
            return None
        if letter == "(":
            return self._group()
        if letter == "[":
            return self._bracket()
        if letter == ".":
            return "a"
        if letter == "\\" and self._at < len(self._source):
            escaped = self._take()
            return _LETTERS.get(escaped, "" if escaped in "AZmMyY" else escaped)
        return letter

    def _group(self) -> str:
        looks = False
        if self._peek() == "?":
            self._take()
            looks = self._peek() in "=!<"
            while self._peek() in ":=!<" and self._peek():
                self._take()
        found = self._branches()
        return "" if looks else found

    def _bracket(self) -> str:
        start = self._at
        negated = self._peek() == "^"
        self._at += negated
        first = self._at
        while self._at < len(self._source) and (self._peek() != "]" or self._at == first):
            named = self._source[self._at : self._at + 2] == "[:"
            end = self._source.find(":]", self._at) if named else -1
            self._at = end + 2 if end >= 0 else self._at + 1
        inside = self._source[first : self._at]
        self._at += 1
        if negated:
            return next(
                (each for each in "aA0_-~" if each not in self._source[start : self._at]), "a"
            )
        named_class = next(
            (each for name, each in _CLASSES.items() if inside.startswith(name)), None
        )
        if named_class or inside.startswith("[:"):
            return named_class or "a"
        return _LETTERS.get(inside[1:2], inside[1:2]) if inside[:1] == "\\" else inside[:1]

    def _repeated(self, piece: str) -> str:
        if not self._peek() or self._peek() not in _REPEATS:
            return piece
        mark = self._take()
        count = self._many
        if mark == "{":
            end = self._source.find("}", self._at)
            least = self._source[self._at : end].partition(",")[0] if end >= 0 else ""
            count = int(least) if least.isdigit() else 1
            self._at = end + 1 if end >= 0 else self._at
        if self._peek() == "?":
            self._take()
        return piece * (max(count, 1) if mark == "+" else count)

    def _take(self) -> str:
        self._at += 1
        return self._source[self._at - 1]

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]
