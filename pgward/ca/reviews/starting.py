"""The beginning of a review: which rights it is about, as they are at that moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from pgward.access.people import People
from pgward.ca.reviews import report
from pgward.ca.reviews.campaigns import MOST_ITEMS, Item
from pgward.ca.reviews.report import Line
from pgward.ca.reviews.reviewers import Reviewers
from pgward.ca.reviews.rights import GRANT, ROLE_MAP, Right, Wanted
from pgward.core.errors import ConflictError

_MOST_SCANNED = 5 * MOST_ITEMS
"""An owner's are fewer than all."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rights; ``owner`` is a person or a group whose they are to review.

    With ``people`` each member of a group is a right. ``unused_days`` None is used or not.
    """

    service: str | None = None
    group: str | None = None
    user: str | None = None
    owner: str | None = None
    paths: Sequence[str] = ()
    people: bool = False
    unused_days: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return those that are set."""
        found = {each: getattr(self, each) for each in self.__slots__}
        return {
            name: list(value) if name == "paths" else value
            for name, value in found.items()
            if value
        }


def collect(connection: Connection, name: str, filters: Filters, now: datetime) -> list[Item]:
    """Return the rights of a new review, numbered; ConflictError for none, or too many."""
    reviewers = Reviewers(connection, now)
    found: list[Item] = []
    for item in _merged(_items(connection, name, filters, reviewers, now)):
        if filters.owner is None or _owns(reviewers.owners(item), filters.owner):
            found.append(replace(item, number=len(found) + 1))
        if len(found) > MOST_ITEMS:
            raise _too_many()
    if not found:
        raise ConflictError("there is nothing to review", hint="pgward access report")
    return found


def _items(
    connection: Connection, name: str, filters: Filters, reviewers: Reviewers, now: datetime
) -> Iterator[Item]:
    """Yield rights; a group's one by one where all who could review it are in the group."""
    spread: list[Wanted] = []
    for line in _lines(connection, filters, now):
        item = _item(name, line)
        if item.user_name is None and item.group_name is not None and not reviewers.of(item):
            spread.append(_of_group(line.right))
        else:
            yield item
    for wanted in dict.fromkeys(spread):
        unused_for = timedelta(days=filters.unused_days or 90)
        for line in report.lines(connection, wanted, now, unused_for=unused_for):
            if line.right.group == wanted.group:
                yield _item(name, line)


def _lines(connection: Connection, filters: Filters, now: datetime) -> Iterator[Line]:
    paths: Sequence[str | None] = filters.paths or [None]
    for path in paths:
        wanted = Wanted(filters.user, filters.group, filters.service, path, filters.people)
        unused_for = timedelta(days=filters.unused_days or 90)
        for line in report.lines(connection, wanted, now, unused_for=unused_for):
            if filters.unused_days is None or line.unused:
                yield line


def _of_group(right: Right) -> Wanted:
    return Wanted(group=right.group, service=right.service, path=right.path, people=True)


def _item(review: str, line: Line) -> Item:
    right = line.right
    # Of a role map it is the role as the map has it: its own role has another name each.
    role = right.key.more.partition("\0")[2] if right.path == ROLE_MAP else right.role
    return Item(
        review=review,
        number=0,
        path=right.path,
        resource_kind=right.resource[0],
        resource_name=right.resource[1],
        user_name=right.user,
        group_name=right.group,
        members=line.members,
        service=right.service,
        integration=right.integration,
        hosts=[] if right.host is None else [right.host],
        role=role,
        reference=right.key.more if right.path == GRANT else None,
        since=line.since,
        until=right.until,
        last_used=line.last_used,
        unused=line.unused,
        blocked=line.blocked,
        flagged=right.flagged,
    )


def _merged(items: Iterator[Item]) -> list[Item]:
    """Return rights, each once: of a role map those on several hosts are one."""
    found: dict[tuple[Any, ...], Item] = {}
    for each in items:
        key = (
            *(each.path, each.resource_kind, each.resource_name, each.service, each.role),
            *(each.user_name, each.group_name, each.reference),
        )
        known = found.get(key)
        if known is None:
            found[key] = each
        elif each.hosts:
            last = max(filter(None, (known.last_used, each.last_used)), default=None)
            found[key] = replace(known, hosts=[*known.hosts, *each.hosts], last_used=last)
        if len(found) > _MOST_SCANNED:
            raise _too_many()
    return list(found.values())


def _too_many() -> ConflictError:
    return ConflictError(
        f"that is more than {MOST_ITEMS} rights", hint="narrow it: --service, --group, --path"
    )


def _owns(people: People, owner: str) -> bool:
    return owner in people.groups or owner.lower() in people.users
