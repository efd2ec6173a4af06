"""What reviewers say of each right, in the transaction in which it happens.

Ending wins: what somebody confirmed another one may still end, while the review is open; what was
ended nobody confirms. So it does not matter which of two reviewers was the first.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.access.people import Person
from pgward.ca.notices import queueing
from pgward.ca.notices.notice import Kind
from pgward.ca.reviews import campaigns
from pgward.ca.reviews.campaigns import CLOSED, CONFIRMED, ENDED, GONE, NOTED, OPEN, Item, Review
from pgward.ca.reviews.reviewers import Reviewers, is_own
from pgward.ca.reviews.standing import Standing
from pgward.ca.reviews.taking import Taking
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError, DeniedError

UNDECIDED = (OPEN, NOTED)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who says something."""

    person: Person
    is_admin: bool


class Deciding:
    """One reviewer's decisions about rights of one review; raises what ``_checked`` does."""

    def __init__(
        self, transaction: Transaction, review: Review, who: Reviewer, now: datetime
    ) -> None:
        """Raise ConflictError for a review that is closed."""
        if review.state == CLOSED:
            raise ConflictError(f"the review {review.name!r} is closed")
        self._transaction, self._review, self._who, self._now = transaction, review, who, now
        self._reviewers = Reviewers(transaction.connection, now)

    def confirm(self, number: int, note: str) -> Item:
        """Say that a right shall stay; ConflictError for one that was ended."""
        item = self._checked(number)
        if item.state in {CONFIRMED, GONE}:
            return item
        if item.state in {ENDED, NOTED}:
            raise ConflictError(
                f"right {number} was ended by {item.decided_by}",
                hint="what shall be again is given anew",
            )
        state = CONFIRMED if self._is_there(item) else GONE
        return self._change(item, state, note)

    def end(self, number: int, note: str) -> Item:
        """Take a right away; where pgward cannot, note what has to be done."""
        item = self._checked(number)
        if item.state in {ENDED, GONE}:
            return item
        if not self._is_there(item):
            return self._change(item, ENDED if item.state == NOTED else GONE, note)
        who = self._who
        taking = Taking(
            self._transaction, self._reviewers, who.person.name, who.is_admin, self._now
        )
        obstacle = taking.take(item, note)
        if obstacle is not None and (item.state, item.obstacle) == (NOTED, obstacle):
            return item
        return self._change(item, ENDED if obstacle is None else NOTED, note, obstacle)

    def _checked(self, number: int) -> Item:
        """Return a right; NotFoundError, or DeniedError where it is another's to review."""
        item = campaigns.item(self._transaction.connection, self._review.name, number)
        if is_own(self._who.person, item):
            raise DeniedError(
                f"right {number} is your own, which others review", hint="ask an administrator"
            )
        if not self._reviewers.may(self._who.person, item, is_admin=self._who.is_admin):
            raise DeniedError(f"right {number} is not yours to review")
        return item

    def _is_there(self, item: Item) -> bool:
        return Standing(self._transaction.connection).has(item)

    def _change(self, item: Item, state: str, note: str, obstacle: str | None = None) -> Item:
        return campaigns.change_item(
            self._transaction,
            item,
            state=state,
            note=note,
            obstacle=obstacle,
            decided_by=self._who.person.name,
            decided_at=self._now,
        )


def look_again(connection: Connection, review: str) -> list[tuple[Item, str]]:
    """Return the rights that are no more, each with the state that it is in by that."""
    standing = Standing(connection)
    found = list(campaigns.items(connection, review, states=UNDECIDED))
    standing.prepare(found)
    return [
        (each, GONE if each.state == OPEN else ENDED) for each in found if not standing.has(each)
    ]


def settle(transaction: Transaction, review: str) -> int:
    """Write down which rights are no more; return how many."""
    found = look_again(transaction.connection, review)
    for item, state in found:
        campaigns.change_item(transaction, item, state=state, obstacle=None)
    return len(found)


def close(transaction: Transaction, review: Review, *, by: str, now: datetime) -> Review:
    """End a review; what nobody decided about stays as it is. ConflictError for a closed one."""
    if review.state == CLOSED:
        raise ConflictError(f"the review {review.name!r} is closed already")
    settle(transaction, review.name)
    kinds = {Kind.REVIEW, Kind.REVIEW_DUE}
    queueing.withdraw(transaction, reference(review.name), kinds, now=now)
    return campaigns.change(transaction, review, state=CLOSED, closed_at=now, closed_by=by)


def reference(review: str) -> str:
    """Return what notices of a review are kept under, where access requests have their id."""
    return f"review-{review}"[:64]
