"""The report: a page of rights with what is known of their use."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from pgward.ca.reviews.rights import ALLOW, Key, Right, Rights, Wanted
from pgward.ca.reviews.uses import Uses
from pgward.core.errors import InvalidInputError

MOST_SCANNED = 20_000
"""Rights that are looked at for one page of unused ones; the page may end before it is full."""


@dataclass(frozen=True, slots=True)
class Line:
    """A right; ``members`` is the size of the group that stands for its people.

    ``blocked``: the person may not log in at all, as things are now.

    ``unused`` None: it ends by itself, or nothing would tell of its use.
    """

    right: Right
    members: int | None
    since: datetime | None
    last_used: datetime | None
    unused: bool | None
    blocked: bool = False


def lines(
    connection: Connection, wanted: Wanted, now: datetime, *, unused_for: timedelta
) -> Iterator[Line]:
    """Yield all lines in the report's order, one place after the other."""
    rights = Rights(connection, wanted, now)
    uses = Uses(connection, rights)
    for right in rights.after(None):
        yield _line(right, rights, uses, now - unused_for)


def page(
    connection: Connection,
    wanted: Wanted,
    now: datetime,
    *,
    unused_for: timedelta,
    only_unused: bool = False,
    after: str | None = None,
    limit: int,
) -> tuple[list[Line], str | None]:
    """Return lines in the report's order, and what the next page begins after."""
    rights = Rights(connection, wanted, now)
    uses = Uses(connection, rights)
    found: list[Line] = []
    for number, right in enumerate(rights.after(None if after is None else _read(after)), 1):
        line = _line(right, rights, uses, now - unused_for)
        if line.unused or not only_unused:
            found.append(line)
        if len(found) == limit or number == MOST_SCANNED:
            return found, _cursor(right.key)
    return found, None


def _line(right: Right, rights: Rights, uses: Uses, before: datetime) -> Line:
    members = None
    if right.user is None and right.group is not None:
        members = rights.members.size(right.group)
    since, last = uses.since(right), uses.last(right)
    unused = None
    if right.path == ALLOW and uses.is_recorded(right):
        unused = (last is None or last < before) and since is not None and since < before
    blocked = right.user is not None and rights.members.is_blocked(right.user)
    return Line(right, members, since, last, unused, blocked)


def _cursor(key: Key) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode("ascii")


def _read(cursor: str) -> Key:
    try:
        rank, *words = json.loads(urlsafe_b64decode(cursor.encode()))
        key = Key(rank, *words)
    except (ValueError, TypeError) as error:
        raise InvalidInputError("that cursor is of another list") from error
    if type(rank) is not int or not all(isinstance(each, str) for each in words):
        raise InvalidInputError("that cursor is of another list")
    return key
