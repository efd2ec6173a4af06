"""``/reviews``: rights that owners confirm or end; auditors and administrators see all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Path, Query, Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.models import Storable
from pgward.ca.service.review_models import (
    MOST_TOGETHER,
    CloseBody,
    DecideBody,
    ItemModel,
    ItemsReply,
    ItemState,
    ReviewModel,
    StartBody,
)
from pgward.ca.service.routes import access_reviews
from pgward.client.access import reporting, reviewing
from pgward.client.phrases import counted
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
)
from pgward.portal.pages.audit import exports
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame, Signed

router = route.router()
PAGE = "/reviews"
_REFUSALS = (ConflictError, DeniedError, InvalidInputError, NotFoundError)
_ON_A_PAGE = 50
_PER_PAGE_OF_A_FILE = 1000
_MOST_DIGITS = 10
_Name = Annotated[str, Path(max_length=50), Storable]
_Word = Annotated[str, Field(max_length=63), Storable]
_Number = Annotated[str, Field(max_length=_MOST_DIGITS)]
_After = Annotated[int, Query(ge=0, le=2**31 - 1)]
_STATES: Final[Mapping[ItemState, str]] = {
    "open": "",
    "confirmed": "good",
    "ended": "bad",
    "noted": "warn",
    "gone": "",
}
"""How the badge of each state looks."""


class Start(Form):
    """Which rights shall be looked at, and for how many days."""

    name: Annotated[str, Field(max_length=100)]
    days: _Number = "14"
    service: _Word = ""
    group: _Word = ""
    user: _Word = ""
    owner: _Word = ""
    paths: list[str] = Field(default=[], max_length=20)
    people: bool = False
    unused_days: _Number = ""

    def body(self) -> StartBody:
        """Return it as the API takes it; raise FieldsError."""
        given = self.model_dump(exclude={"csrf"})
        return forms.checked(StartBody, {name: each for name, each in given.items() if each})


class Decide(Form):
    """Which rights, and what is to become of them; ``end`` is asked once more, ``take`` is not."""

    act: Annotated[str, Field(max_length=20)]
    item: list[str] = Field(default=[], max_length=MOST_TOGETHER)
    reason: Annotated[str, Field(max_length=500)] = ""

    def body(self) -> DecideBody:
        """Return it as the API takes it; raise InvalidInputError."""
        if not self.item:
            raise InvalidInputError("no right was chosen", hint="tick those that you mean")
        return forms.checked(DecideBody, {"items": self.item, "reason": self.reason.strip()})


class Nothing(Form):
    """Nothing but the wish."""


@dataclass(frozen=True, slots=True)
class Row:
    """A right in words."""

    of: ItemModel
    who: str
    what: str
    kind: str


@router.get(PAGE)
def every(frame: Signed) -> Response:
    """Show reviews: those with something for me, to administrators and auditors all."""
    found = access_reviews.every(frame.context, frame.me).reviews
    return frame.show("reviews/list.html", reviews=found)


@router.get(PAGE + "/+new")
def new(frame: Administrator) -> Response:
    """Show what may be chosen for a review."""
    return _new(frame)


@router.post(PAGE + "/+new")
def start(frame: Administrator) -> Response:
    """Begin a review."""
    form = frame.form(Start)
    try:
        made = access_reviews.start(frame.context, frame.me, form.body())
    except _REFUSALS as error:
        return _new(frame, error, form)
    told = f"The review has {counted(made.review.counts.open, 'right')}; reviewers are told."
    if made.unreviewable:
        told += f" Nobody may review {counted(made.unreviewable, 'right')} of them."
    return frame.go(f"{PAGE}/{made.review.name}", told)


@router.get(PAGE + "/{name}")
def show(frame: Signed, name: _Name, state: ItemState | None = None, after: _After = 0) -> Response:
    """Show the rights of a review, and what became of each."""
    return _show(frame, name, state=state, after=after)


@router.post(PAGE + "/{name}")
def decide(frame: Signed, name: _Name) -> Response:
    """Confirm rights, or end them after one more question."""
    form = frame.form(Decide)
    context, me = frame.context, frame.me
    try:
        body = form.body()
        if form.act == "end":
            return _ask(frame, name, body)
        acts = {"confirm": access_reviews.confirm, "take": access_reviews.end}
        if form.act not in acts:
            raise InvalidInputError("there is nothing of that kind to do")
        done = acts[form.act](context, me, name, body).items
    except _REFUSALS as error:
        return _show(frame, name, error)
    noted = [each for each in done if each.state == "noted"]
    told = f"{counted(len(done) - len(noted), 'right')} {done[0].state if not noted else 'ended'}."
    if not noted:
        return frame.go(f"{PAGE}/{name}", told)
    told = f"{counted(len(noted), 'right')} noted, not ended: see what is to do."
    return frame.go(f"{PAGE}/{name}?state=noted", told, "warning")


@router.post(PAGE + "/{name}/close")
def close(frame: Administrator, name: _Name) -> Response:
    """Close a review."""
    frame.form(Nothing)
    try:
        access_reviews.close(frame.context, frame.me, name, CloseBody())
    except _REFUSALS as error:
        return _show(frame, name, error)
    return frame.go(f"{PAGE}/{name}", f"The review {name} is closed.")


@router.post(PAGE + "/{name}/export")
def export(frame: Signed, name: _Name) -> Response:
    """Give the rights that one sees of a review as a file."""
    form = frame.form(exports.Export)
    access_reviews.show(frame.context, frame.me, name)
    exports.note(frame, f"review {name}", {})

    def pages() -> Iterator[exports.Rows]:
        after: int | None = 0
        while after is not None:
            page = _items(frame, name, after=after, limit=_PER_PAGE_OF_A_FILE)
            yield [_flat(each) for each in page.items]
            after = page.after

    return exports.answer(frame, f"review-{name}", form.form, reviewing.FIELDS, pages())


def _new(frame: Frame, problem: PgwardError | None = None, form: Start | None = None) -> Response:
    return frame.show(
        "reviews/new.html",
        status=200 if problem is None else errors.status(problem),
        problem=problem,
        form=form or Start.model_construct(name=""),
        paths=reporting.PATHS,
    )


def _show(
    frame: Frame,
    name: str,
    problem: PgwardError | None = None,
    *,
    state: ItemState | None = None,
    after: int = 0,
) -> Response:
    shown = access_reviews.show(frame.context, frame.me, name)
    page = _items(frame, name, state=state, after=after, limit=_ON_A_PAGE)
    rows = [_row(each) for each in page.items]
    return frame.show(
        "reviews/review.html",
        status=200 if problem is None else errors.status(problem),
        problem=problem,
        review=shown.review,
        unreviewable=shown.unreviewable,
        states=_states(shown.review),
        state=state or "",
        rows=rows,
        is_mine=any(each.of.mine for each in rows),
        after=after,
        next=None if page.after is None else frame.link(after=str(page.after)),
        about=_about(shown.review),
        now=frame.context.now(),
    )


def _ask(frame: Frame, name: str, body: DecideBody) -> Response:
    """Show what would be taken away, once more."""
    chosen = set(body.items)
    rows: list[Row] = []
    after: int | None = min(chosen) - 1
    while after is not None and len(rows) < len(chosen):
        page = _items(frame, name, after=after, limit=_PER_PAGE_OF_A_FILE)
        rows += [_row(each) for each in page.items if each.number in chosen]
        after = page.after
    if not rows:
        raise NotFoundError("the review has no such right")
    return frame.show("reviews/end.html", review=name, rows=rows, reason=body.reason)


def _items(
    frame: Frame, name: str, *, limit: int, after: int, state: ItemState | None = None
) -> ItemsReply:
    return access_reviews.items(
        frame.context, frame.me, name, state=state, mine=False, limit=limit, after=after
    )


def _row(item: ItemModel) -> Row:
    of = item.model_dump(mode="json")
    who = reporting.who(of) or item.role or "somebody"
    return Row(item, who, reviewing.what(of), _STATES[item.state])


def _flat(item: ItemModel) -> dict[str, Any]:
    of = item.model_dump(mode="json")
    return {name: reviewing.cell(of[name]) for name in reviewing.FIELDS}


def _states(review: ReviewModel) -> Sequence[tuple[str, int]]:
    return [(name, getattr(review.counts, name)) for name in _STATES]


def _about(review: ReviewModel) -> list[tuple[str, str]]:
    """Return which rights it is about, in words."""
    return [
        (name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in review.filters.items()
        if value
    ]
