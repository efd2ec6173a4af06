"""Where a browser goes after it signed in: a page of ours, and never another site's."""

import re

FIRST = "/"
_MOST = 1_000
# One slash and no second, no backslash that browsers read as one, nothing unseen.
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def checked(path: str) -> str:
    """Return the path if it is one of ours, else that of the first page."""
    if len(path) <= _MOST and _PATH.fullmatch(path) and not path.startswith("/sign-"):
        return path
    return FIRST
