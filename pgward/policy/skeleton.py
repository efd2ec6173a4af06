"""Texts without their literals, by which those that differ in nothing else are known again."""

import re

# Where any of these is, what begins and ends a literal cannot be told this simply.
_NOT_SIMPLE = re.compile(rb'["\\$&\x80-\xff\x00]|--|/\*')
_NUMBER = re.compile(rb"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?![\w.])")


def skeleton(text: bytes) -> bytes | None:
    """Return a text with the same kinds, tables, functions and settings, or None.

    Without comments, double quotes, backslashes and dollars, a string is what stands between two
    quotes, in every version and setting of PostgreSQL (manual, chapter 4.1.2). A pair of quotes in
    a string is two strings here, side by side. An empty one stays, as trees do not tell it from
    none: COPY FROM '' looks as if it were not from a file.
    """
    if _NOT_SIMPLE.search(text):
        return None
    parts = text.split(b"'")
    if len(parts) % 2 == 0:
        return None
    parts[1::2] = [each and b"x" for each in parts[1::2]]
    return _NUMBER.sub(b"1", b"'".join(parts))
