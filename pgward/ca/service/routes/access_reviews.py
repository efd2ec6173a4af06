"""Reviews of rights: owners confirm each, or end it."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Path, Query
from sqlalchemy.engine import Connection

from pgward.access.people import Person as Reviewing
from pgward.ca.access import deciders
from pgward.ca.acts import Act
from pgward.ca.identity import directory
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.notices.notice import Kind
from pgward.ca.reviews import campaigns, deciding, reminding, starting
from pgward.ca.reviews.campaigns import CLOSED, OPEN, Item, Review
from pgward.ca.reviews.deciding import Deciding, Reviewer
from pgward.ca.reviews.viewing import Viewer
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Storable
from pgward.ca.service.review_models import (
    MOST_LETTERS,
    CloseBody,
    DecideBody,
    ItemModel,
    ItemsReply,
    ItemState,
    ReviewModel,
    ReviewReply,
    ReviewsReply,
    StartBody,
)
from pgward.core.errors import PgwardError

router = strict.router("access", prefix=f"{strict.PREFIX}/access")
ReviewName = Annotated[str, Path(max_length=MOST_LETTERS), Storable]


@router.post("/reviews", summary="Begin a review of rights", status_code=201)
def start(context: Current, by: Administrator, body: StartBody) -> ReviewReply:
    """Keep the rights of now, each to be confirmed or ended; reviewers are told."""
    name, filters, now = body.checked_name(), body.filters(), context.now()
    with context.store.read() as connection:
        items = starting.collect(connection, name, filters, now)
    due = now + timedelta(days=body.days)
    review = Review(name, filters.to_json(), OPEN, now, by.user.name, due)
    with context.acts.act(by.user.name, "review.start", name) as act:
        campaigns.add(act.transaction, review, items)
        reminding.tell(act.transaction, review, now=now, kind=Kind.REVIEW)
        act.details |= {"rights": len(items), "filters": filters.to_json(), "days": body.days}
    return _shown(context, by, name)


@router.get("/reviews", summary="List reviews of rights")
def every(context: Current, me: Person) -> ReviewsReply:
    """Return reviews with something for me to say; to administrators and auditors all."""
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, context.now())
        found = [_model(viewer, review, context, yours=yours) for review, yours in viewer.reviews()]
    return ReviewsReply(reviews=found)


@router.get("/reviews/{name}", summary="Show a review of rights")
def show(context: Current, me: Person, name: ReviewName) -> ReviewReply:
    """Return how far it is."""
    return _shown(context, me, name)


@router.get("/reviews/{name}/items", summary="List the rights of a review")
def items(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    me: Person,
    name: ReviewName,
    state: ItemState | None = None,
    mine: Annotated[bool, Query(description="only those that I review")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> ItemsReply:
    """Return the rights that I may see: those that I review; administrators and auditors all."""
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, context.now())
        found, following = viewer.items(
            viewer.one(name),
            states=[] if state is None else [state],
            mine=mine,
            after=after,
            limit=limit,
        )
    return ItemsReply(
        items=[ItemModel.of(each.item, reviewers=each.reviewers, mine=each.mine) for each in found],
        after=following,
    )


@router.post("/reviews/{name}/confirm", summary="Confirm rights of a review")
def confirm(context: Current, me: Person, name: ReviewName, body: DecideBody) -> ItemsReply:
    """Say that rights shall stay; all of them, or, where one cannot be, none."""
    return _decided(context, me, name, body, "confirm")


@router.post("/reviews/{name}/end", summary="End rights of a review")
def end(context: Current, me: Person, name: ReviewName, body: DecideBody) -> ItemsReply:
    """Take rights away; what pgward cannot take away is noted, with why."""
    return _decided(context, me, name, body, "end")


@router.post("/reviews/{name}/close", summary="Close a review of rights")
def close(context: Current, by: Administrator, name: ReviewName, _body: CloseBody) -> ReviewReply:
    """End a review; rights that nobody decided about stay, and stand there as open."""
    with context.acts.act(by.user.name, "review.close", name) as act:
        review = campaigns.get(act.transaction.connection, name)
        deciding.close(act.transaction, review, by=by.user.name, now=context.now())
        act.details |= campaigns.counts(act.transaction.connection, name)
    return _shown(context, by, name)


def _decided(
    context: Context, me: LoginSession, name: str, body: DecideBody, verb: Literal["confirm", "end"]
) -> ItemsReply:
    """Decide about several rights in one transaction, with an event for each that changed."""
    action, by, now = f"review.{verb}", me.user.name, context.now()
    try:
        with context.acts.unrecorded(by, action, name) as whole:
            whole.worth_recording = False
            connection = whole.transaction.connection
            who = _reviewer(connection, me)
            review = Viewer(connection, me.user, now).one(name)
            one = Deciding(whole.transaction, review, who, now)
            decide = one.confirm if verb == "confirm" else one.end
            found = []
            for number in dict.fromkeys(body.items):
                before = campaigns.item(connection, name, number)
                after = decide(number, body.reason)
                found.append(after)
                if after != before:
                    context.acts.also(_act(whole, after, action))
    except PgwardError as error:
        context.acts.refused(by, action, name, error, {"items": body.items[:100]})
        raise
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, now)
        seen = [viewer.seen(each) for each in found]
    return ItemsReply(
        items=[ItemModel.of(each.item, reviewers=each.reviewers, mine=each.mine) for each in seen],
        after=None,
    )


def _act(whole: Act, item: Item, action: str) -> Act:
    details = {
        "path": item.path,
        "user": item.user_name,
        "group": item.group_name,
        "service": item.service,
        "integration": item.integration,
        "role": item.role,
        "by": f"{item.resource_kind}/{item.resource_name}",
        "state": item.state,
        "reason": item.note,
        "obstacle": item.obstacle,
    }
    kept = {name: value for name, value in details.items() if value}
    return replace(whole, action=action, target=f"{item.review}/{item.number}", details=kept)


def _reviewer(connection: Connection, me: LoginSession) -> Reviewer:
    """Return who asks, with the groups of this moment."""
    user = directory.get(connection, me.user.name)
    person: Reviewing = deciders.as_person(user)
    return Reviewer(person, user.administrator)


def _shown(context: Context, me: LoginSession, name: str) -> ReviewReply:
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, context.now())
        review = viewer.one(name)
        model = _model(viewer, review, context, yours=viewer.yours(review))
        missing = 0 if review.state == CLOSED else viewer.unreviewable(review)
    return ReviewReply(review=model, unreviewable=missing)


def _model(viewer: Viewer, review: Review, context: Context, *, yours: int) -> ReviewModel:
    overdue = review.state == OPEN and context.now() >= review.due_at
    return ReviewModel.of(review, viewer.counts(review), overdue=overdue, yours=yours)
