"""Text that moves no cursor, colours no screen and reorders no words, whoever wrote it."""

import re

# C0, DEL, C1, zero-width, line/paragraph separators, bidirectional marks, tags and BOM.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# Those of them that JSON and YAML do not escape by themselves.
UNSAFE_IN_DATA = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def clean(text: str) -> str:
    """Return one line of ``text`` with every unsafe character as a visible escape."""
    return UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
