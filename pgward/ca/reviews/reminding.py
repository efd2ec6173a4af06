"""Telling reviewers: that a review waits for them, and, as its end nears and after it, again."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from pgward.access.people import People
from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.notices.queueing import queue
from pgward.ca.reviews import campaigns, deciding
from pgward.ca.reviews.campaigns import OPEN, Item, Review
from pgward.ca.reviews.reviewers import Reviewers
from pgward.ca.store import Store, Transaction
from pgward.ca.store.purge import Write
from pgward.client.phrases import counted

EVERY_SECONDS: Final = 300.0
_LONGEST_AHEAD: Final = timedelta(days=3)
_SHORTEST_AHEAD: Final = timedelta(days=1)
_AGAIN: Final = timedelta(days=1)
_GIVEN_UP: Final = timedelta(days=30)
"""So long after its end nobody is reminded any more."""


def is_due(review: Review, now: datetime) -> bool:
    """Tell whether to remind: once as the end nears, and once a day after it, for a month."""
    quarter = (review.due_at - review.started_at) / 4
    ahead = min(_LONGEST_AHEAD, max(_SHORTEST_AHEAD, quarter))
    if review.state != OPEN or now < review.due_at - ahead or now > review.due_at + _GIVEN_UP:
        return False
    last = review.reminded_at
    if last is None:
        return now - review.started_at >= ahead / 2 or now >= review.due_at
    return now >= max(review.due_at, last + _AGAIN)


def tell(transaction: Transaction, review: Review, *, now: datetime, kind: Kind) -> int:
    """Tell those who have something to say in a review; return how many rights wait."""
    waiting = list(campaigns.items(transaction.connection, review.name, states=[OPEN]))
    if waiting:
        told = reviewers_of(transaction.connection, waiting, now)
        facts = Facts(
            person=review.started_by,
            service=review.name,
            asked_for=(f"{counted(len(waiting), 'right')} to look at",),
            seconds=0,
            until=review.due_at,
        )
        queue(transaction, kind, deciding.reference(review.name), told, facts, now=now)
    return len(waiting)


def reviewers_of(connection: Connection, items: list[Item], now: datetime) -> set[str]:
    """Return who may say something about any of these rights: owners, else administrators."""
    reviewers = Reviewers(connection, now)
    reviewers.prepare(items)
    found: set[str] = set()
    seen: set[tuple[People, str | None, str | None]] = set()
    for item in items:
        alike = (reviewers.owners(item), item.user_name, item.group_name)
        if alike not in seen:
            seen.add(alike)
            found |= {each.name for each in reviewers.of(item)}
    return found


def turn(store: Store, now: datetime, *, write: Write) -> None:
    """Write down which rights are no more, and remind; takes the writer's lock where it must."""
    with store.read() as connection:
        found = campaigns.every(connection, state=OPEN)
        gone = {each.name for each in found if deciding.look_again(connection, each.name)}
    for review in found:
        if review.name not in gone and not is_due(review, now):
            continue
        with write() as transaction:
            now_is = campaigns.get(transaction.connection, review.name)
            if now_is.state != OPEN:
                continue
            if review.name in gone:
                deciding.settle(transaction, review.name)
            if is_due(now_is, now):
                tell(transaction, now_is, now=now, kind=Kind.REVIEW_DUE)
                campaigns.change(transaction, now_is, reminded_at=now)
