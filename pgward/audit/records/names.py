"""Names of prepared statements and portals: of which it is certain what they stand for.

PostgreSQL knows both by the first 63 bytes of their names, in its own encoding; what is compatible
with it may know more. So a longer name, or one that is not ASCII, may be the same as another or
not: a record that told its text could be made to tell the wrong one. What such a name may mean
as well is forgotten with it.
"""

import re
from typing import Final

MOST: Final = 63
"""Bytes of a name, NAMEDATALEN - 1."""

_DEALLOCATE: Final = re.compile(
    r'\s*deallocate\s+(?:prepare\s+)?("(?:[^"]|"")+"|[\w$]+)\s*;?\s*', re.IGNORECASE | re.ASCII
)


def is_plain(name: str) -> bool:
    """Tell whether a name, as it was decoded, means nothing but itself everywhere.

    A backslash may be of a byte that was none in UTF-8.
    """
    return len(name) <= MOST and name.isascii() and "\\" not in name


def cut(name: str) -> str:
    """Return the plain name that one may mean as well."""
    return name[:MOST]


def deallocated(text: str) -> str | None:
    """Return the name that a statement deallocates; None if it does more, or another thing."""
    found = _DEALLOCATE.fullmatch(text)
    if found is None:
        return None
    name = found[1]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
