"""Who sees which reviews, and which rights of them.

Administrators and auditors see all; others the rights that they review.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from pgward.access.people import People
from pgward.ca.access import deciders
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.reviews import campaigns, deciding
from pgward.ca.reviews.campaigns import CLOSED, ENDED, GONE, NOTED, OPEN, Item, Review
from pgward.ca.reviews.deciding import UNDECIDED, Reviewer
from pgward.ca.reviews.reviewers import ADMINISTRATORS, Reviewers
from pgward.ca.reviews.standing import Standing

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """A right, who reviews it (groups first), and whether it is for whoever looks."""

    item: Item
    reviewers: list[str]
    mine: bool


class Viewer:
    """What one person sees of reviews, at one moment, in one reading of the store."""

    def __init__(self, connection: Connection, user: User, now: datetime) -> None:
        self._connection, self._now = connection, now
        self.me = Reviewer(deciders.as_person(user), user.administrator)
        self._sees_all = user.administrator or directory.AUDITORS in user.groups
        self._reviewers = Reviewers(connection, now)
        self._standing = Standing(connection)

    def reviews(self) -> list[tuple[Review, int]]:
        """Return reviews that they see, each with how many rights wait for them.

        To reviewers those that are open: of others there is nothing left to say.
        """
        found = campaigns.every(self._connection, state=None if self._sees_all else OPEN)
        seen = [each for each in found if self._sees_all or self._any_is_mine(each)]
        return [(each, self.yours(each)) for each in seen]

    def one(self, name: str) -> Review:
        """Return a review; NotFoundError also for one of which they see nothing."""
        review = campaigns.get(self._connection, name)
        if not self._sees_all and not self._any_is_mine(review):
            raise campaigns.unknown(name)
        return review

    def yours(self, review: Review) -> int:
        """Return how many rights wait for them."""
        if review.state == CLOSED:
            return 0
        return sum(self._is_mine(each) for each in self._all(review, [OPEN]))

    def counts(self, review: Review) -> dict[str, int]:
        """Return how many rights are in each state now; what is gone is counted so."""
        found = campaigns.counts(self._connection, review.name)
        if review.state == CLOSED:
            return found
        for item, state in deciding.look_again(self._connection, review.name):
            found[item.state] -= 1
            found[state] += 1
        return found

    def items(
        self, review: Review, *, states: Collection[str], mine: bool, after: int, limit: int
    ) -> tuple[list[Seen], int | None]:
        """Return a page of rights, and after which number the next one begins."""
        found: list[Seen] = []
        stored = _stored(states)
        for item in campaigns.items(self._connection, review.name, states=stored, after=after):
            is_mine = self._is_mine(item)
            if not is_mine and (mine or not self._sees_all):
                continue
            now_is = self._as_it_is(review, item)
            if states and now_is.state not in states:
                continue
            if len(found) == limit:
                return found, found[-1].item.number
            mine_now = is_mine and review.state != CLOSED and now_is.state in UNDECIDED
            found.append(Seen(now_is, self._named(item), mine_now))
        return found, None

    def seen(self, item: Item) -> Seen:
        """Show a right that somebody has just decided about."""
        return Seen(item, self._named(item), self._is_mine(item) and item.state in UNDECIDED)

    def unreviewable(self, review: Review) -> int:
        """Return how many of the open rights nobody may review."""
        return sum(not self._reviewers.of(each) for each in self._all(review, [OPEN]))

    def _any_is_mine(self, review: Review) -> bool:
        return any(self._is_mine(each) for each in self._all(review, []))

    def _all(self, review: Review, states: Collection[str]) -> list[Item]:
        """Return rights in some states (with none: in all), ready to be asked about."""
        found = list(campaigns.items(self._connection, review.name, states=states))
        self._reviewers.prepare(found)
        return found

    def _is_mine(self, item: Item) -> bool:
        return self._reviewers.may(self.me.person, item, is_admin=self.me.is_admin)

    def _as_it_is(self, review: Review, item: Item) -> Item:
        if review.state == CLOSED or item.state not in UNDECIDED or self._standing.has(item):
            return item
        return replace(item, state=GONE if item.state == OPEN else ENDED, obstacle=None)

    def _named(self, item: Item) -> list[str]:
        """Return who reviews it, in few words; nobody's are administrators'."""
        people = self._reviewers.owners(item) or ADMINISTRATORS
        return [*_words(people)][:_MOST_NAMED]


def _words(people: People) -> Iterable[str]:
    yield from (f"group {each}" for each in sorted(people.groups))
    yield from sorted(people.users)


def _stored(states: Collection[str]) -> list[str]:
    """Return the states that such rights may have in the store, where nobody has looked since."""
    if not states:
        return []
    found = set(states)
    if GONE in found:
        found.add(OPEN)
    if ENDED in found:
        found.add(NOTED)
    return sorted(found)
