"""Bodies about reviews of rights, as they stand in the API's description."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from pgward.ca.reviews.campaigns import Item, Review
from pgward.ca.reviews.starting import Filters
from pgward.ca.service.models import Body, Flag, Storable, Text, Time
from pgward.core import names

MOST_TOGETHER = 500
MOST_LETTERS = 50
MOST_DAYS = 366
Word = Annotated[str, Field(min_length=1, max_length=63), Storable]
Path = Literal[
    "allow",
    "grant",
    "flow",
    "break-glass",
    "role-map",
    "server-role",
    "connector",
    "administrator",
]
ItemState = Literal["open", "confirmed", "ended", "noted", "gone"]


class StartBody(Body):
    """Which rights shall be looked at, and until when; without filters all of the report.

    ``owner`` is a person or a group whose rights they are to review. With ``people`` each member
    of a group is a right of its own; ``unused_days`` is for standing rights that nobody used.
    """

    name: Annotated[str, Field(min_length=1, max_length=MOST_LETTERS), Storable]
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 14
    service: Word | None = None
    group: Word | None = None
    user: Word | None = None
    owner: Word | None = None
    paths: Annotated[list[Path], Field(max_length=8)] = Field(default_factory=list)
    people: Flag = False
    unused_days: Annotated[int, Field(ge=1, le=3650)] | None = None

    def checked_name(self) -> str:
        """Return the review's name; raise InvalidInputError."""
        return names.resource_name(self.name, what="review's name")

    def filters(self) -> Filters:
        """Return which rights."""
        found = self.model_dump(exclude={"name", "days", "paths"})
        return Filters(**found, paths=tuple(dict.fromkeys(self.paths)))


class DecideBody(Body):
    """Which rights, by number, and why."""

    items: Annotated[
        list[Annotated[int, Field(ge=1, le=2**31 - 1)]],
        Field(min_length=1, max_length=MOST_TOGETHER),
    ]
    reason: Text = ""


class CloseBody(Body):
    """Nothing to say."""


class CountsModel(BaseModel):
    """How many rights are in each state."""

    open: int
    confirmed: int
    ended: int
    noted: int
    gone: int


class ReviewModel(BaseModel):
    """A review; ``yours`` are the rights that wait for whoever asks."""

    name: str
    state: Literal["open", "closed"]
    overdue: bool
    filters: dict[str, Any]
    started_at: Time
    started_by: str
    due_at: Time
    closed_at: Time | None
    closed_by: str | None
    counts: CountsModel
    yours: int

    @classmethod
    def of(cls, review: Review, counts: dict[str, int], *, overdue: bool, yours: int) -> Self:
        """Show a review."""
        names_ = ("name", "state", "started_at", "started_by", "due_at", "closed_at", "closed_by")
        made: dict[str, Any] = {each: getattr(review, each) for each in names_}
        return cls(
            **made,
            overdue=overdue,
            filters=dict(review.filters),
            counts=CountsModel(**counts),
            yours=yours,
        )


class ItemModel(BaseModel):
    """A right as it was when the review began, and what became of it.

    ``user`` null is all ``members`` of ``group``. State ``noted``: it was ended, and ``obstacle``
    says why pgward could not take it away; ``gone``: it went by itself meanwhile. ``mine``: whoever
    asks may decide about it.
    """

    number: int
    path: Path
    user: str | None
    group: str | None
    members: int | None
    service: str | None
    integration: str | None
    hosts: list[str]
    role: str | None
    by: str
    since: Time | None
    until: Time | None
    last_used: Time | None
    unused: bool | None
    blocked: bool
    flagged: str | None
    state: ItemState
    decided_at: Time | None
    decided_by: str | None
    reason: str
    obstacle: str | None
    reviewers: list[str]
    mine: bool

    @classmethod
    def of(cls, item: Item, *, reviewers: list[str], mine: bool) -> Self:
        """Show a right."""
        same = (
            *("number", "path", "members", "service", "integration", "role", "since", "until"),
            *("last_used", "unused", "blocked", "flagged", "state", "decided_at", "decided_by"),
            "obstacle",
        )
        made: dict[str, Any] = {each: getattr(item, each) for each in same}
        return cls(
            **made,
            user=item.user_name,
            group=item.group_name,
            hosts=list(item.hosts),
            by=f"{item.resource_kind}/{item.resource_name}",
            reason=item.note,
            reviewers=reviewers,
            mine=mine,
        )


class ReviewReply(BaseModel):
    """One review; ``unreviewable`` rights are those that nobody may review."""

    review: ReviewModel
    unreviewable: int = 0


class ReviewsReply(BaseModel):
    """Reviews, those that began last first."""

    reviews: list[ReviewModel]


class ItemsReply(BaseModel):
    """Rights of a review by number; ``after`` leads to the next page."""

    items: list[ItemModel]
    after: int | None
