"""Secrets masked in a message that is too large to be looked at as a whole.

Only what stands right behind a sensitive word is seen, as where literals begin is not known in
the middle of a message. Each byte of a secret becomes ``*``, so that places and sizes stay true.
"""

import re

_WORDS = rb"passw|secret|passphrase|(?<![a-z0-9])pwd(?![a-z0-9])"
_MOST = 1024  # bytes of a secret; libpq takes no longer password
_HELD = 4096  # bytes from a sensitive word on that are waited for
_LONGEST_WORD = 16
_NEEDLES = (b"passw", b"secret", b"passphrase", b"pwd")
# A repeat of much ends with |(?!), for Python 3.11.2: tests/unit/tools/test_regexes.py.
_SECRET = re.compile(
    rb"(?P<before>(?:"
    + _WORDS
    + rb""")[\w.-]{0,64}+ (?: \\?+["'] | '' | (?!) )?+ \s{0,64}+
        (?: (?: =>?+ | :=?+ | to\s ) \s{0,64}+ | (?!) )?+ (?: (?:e|u&|n)(?=') | (?!) )?+)
      (?P<value> '' [^']{0,%(most)d}+ '' | ' (?:[^'\\]|''|\\.){0,%(most)d}+ '
        | \\' [^\\]{0,%(most)d}+ \\' | " (?:[^"\\]|\\.){0,%(most)d}+ " | \\" [^\\]{0,%(most)d}+ \\"
        | \$(?P<tag>\w{0,63})\$ .{0,%(most)d}? \$(?P=tag)\$
        | (?: (?<=[=:]) | (?<=[=:]\s) ) [^\s'"&;,\\()\[\]{}]{1,%(most)d}+ )
    """
    % {b"most": _MOST},
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_QUOTES = re.compile(rb"''|\\'|\\\"|'|\"|\$\w{0,63}\$")


class PieceRedactor:
    """Masks a stream: what ``feed`` and ``end`` return is, in all, as long as what they were given.

    ``found``: something was masked.
    """

    def __init__(self) -> None:
        self.found = False
        self._held = b""

    def feed(self, data: bytes | bytearray | memoryview) -> bytes:
        """Return what can be kept already."""
        text = b"".join((self._held, data))
        start = max(0, len(text) - _HELD)
        tail = text[start:].lower()
        words = [start + at for word in _NEEDLES if (at := tail.find(word)) >= 0]
        cut = max(0, min(*words, len(text), len(text) - _LONGEST_WORD))
        text = self._masked(text, cut)
        self._held = text[cut:]
        return text[:cut]

    def end(self) -> bytes:
        """Return the rest."""
        rest, self._held = self._masked(self._held, len(self._held)), b""
        return rest

    def _masked(self, text: bytes, cut: int) -> bytes:
        """Mask what begins before ``cut``; behind it, more may have to come."""
        find = text.lower().find  # three times as fast as one pattern
        if all(find(word) < 0 for word in _NEEDLES):
            return text
        return _SECRET.sub(
            lambda found: self._mask(found) if found.start() < cut else found[0], text
        )

    def _mask(self, found: re.Match[bytes]) -> bytes:
        self.found = True
        value = found["value"]
        opening = _QUOTES.match(value)
        size = min(opening.end(), len(value) // 2) if opening else 0
        hidden = b"*" * (len(value) - 2 * size)
        return b"".join((found["before"], value[:size], hidden, value[len(value) - size :]))
