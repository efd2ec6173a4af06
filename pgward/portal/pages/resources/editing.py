"""Making and changing a resource: a form and its YAML, what would change, and only then the change.

What is saved must have been looked at: the page that saves shows the difference to what is stored,
and saves over that version only.
"""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Query, Response
from pydantic import Field

from pgward.ca.resources import kinds
from pgward.ca.resources.stored import StaleError
from pgward.ca.service import errors
from pgward.ca.service.routes import resource_history, resources
from pgward.client.resource import diffs
from pgward.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
    UnavailableError,
)
from pgward.portal.pages.resources import checking, forms_of, kind_words, showing, starters
from pgward.portal.pages.resources import draft as drafts
from pgward.portal.pages.resources.checking import Checked, Target
from pgward.portal.pages.resources.draft import Draft
from pgward.portal.pages.resources.one import Kind, Name
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
PREFIX = "/admin/resources/"
MAX_BODY = 1024 * 1024
"""Of a form with a resource in it twice, as forms write it."""
_MOST = 128 * 1024  # of YAML that is read at every pause in typing; `pgward apply` takes more
_OF_FORM = ("spec.", "metadata.")
_From = Annotated[str, Query(alias="from", max_length=253)]
_Like = Annotated[str, Query(max_length=20)]


class Edit(Form):
    """The YAML as it is now and as it was shown, the version that it changes, and what to do."""

    yaml: Annotated[str, Field(max_length=_MOST)]
    shown: Annotated[str, Field(max_length=_MOST)] = ""
    version: Annotated[int, Field(ge=0, le=10**9)]
    act: Annotated[str, Field(max_length=200)]
    reason: Annotated[str, Field(max_length=500)] = ""
    allow_lockout: bool = False
    untried: bool = False


@router.get("/admin/resources/{kind}/+new")
async def new(frame: Administrator, kind: Kind, like: _Like = "", of: _From = "") -> Response:
    """Show what a new resource begins with: something small, or another one of the kind."""
    target = Target(kinds.canonical(kind), None, 0)
    yaml = starters.of(target.kind, like)
    if of:
        found = await run_sync(resources.show, frame.context, frame.me, kind, of, Response())
        copied = diffs.own(found.resource)
        copied["metadata"]["name"] = ""
        yaml = await run_sync(drafts.written, copied)
    # What is not filled in yet is not wrong yet.
    return await _edit(frame, target, await run_sync(drafts.read, yaml), Checked())


@router.post("/admin/resources/{kind}/+new")
async def make(frame: Administrator, kind: Kind) -> Response:
    """Go on with a new resource."""
    return await _go_on(frame, kinds.canonical(kind), None)


@router.get("/admin/resources/{kind}/{name}/+edit")
async def edit(frame: Administrator, kind: Kind, name: Name) -> Response:
    """Show a resource to be changed."""
    found = await run_sync(resources.show, frame.context, frame.me, kind, name, Response())
    metadata = found.resource["metadata"]
    target = Target(found.resource["kind"], metadata["name"], metadata["version"])
    draft = await run_sync(lambda: drafts.read(drafts.written(diffs.own(found.resource))))
    return await _edit(frame, target, draft, Checked())


@router.post("/admin/resources/{kind}/{name}/+edit")
async def change(frame: Administrator, kind: Kind, name: Name) -> Response:
    """Go on with a change."""
    return await _go_on(frame, kinds.canonical(kind), name)


async def _go_on(frame: Frame, kind: str, name: str | None) -> Response:
    given = {each: values[0] for each, values in frame.sent.items() if each.startswith(_OF_FORM)}
    rest = {each: values for each, values in frame.sent.items() if each not in given}
    form = forms.read(Edit, rest)
    target = Target(kind, name, form.version)
    # Reading and writing much YAML takes seconds, in which everybody else would wait.
    found = await run_sync(drafts.merged, showing.outline(target), form.shown, form.yaml, given)
    act, _, path = form.act.partition(":")
    if act == "add":
        longer = await run_sync(_with_item, target, found, path)
        return await _edit(frame, target, longer, Checked())
    if act == "remove":
        shorter = await run_sync(drafts.without_item, found, path)
        return await _edit(frame, target, shorter, Checked())
    if act == "save":
        return await _save(frame, target, form, found)
    checked = await checking.check(frame, target, found)
    if act == "review" and not checked.problems:
        return await _review(frame, target, found, checked)
    if act == "review":
        return await _edit(frame, target, found, checked, status=422)
    return await _edit(frame, target, found, checked)


def _with_item(target: Target, found: Draft, path: str) -> Draft:
    for section in forms_of.OF.get(target.kind, ()):
        if section.each == path:
            return drafts.with_item(found, path, {})
    raise InvalidInputError("there is nothing of that kind to add")


async def _save(frame: Frame, target: Target, form: Edit, found: Draft) -> Response:
    """Save what was looked at; what is in the way is told, and nothing of it is lost."""
    if found.document is None:
        return await _edit(frame, target, found, Checked(found.problems), status=422)
    name = target.name or checking.name_in(found)
    try:
        done = await resources.put(
            *(frame.context, frame.me, target.kind, name, found.document.value, Response()),
            allow_lockout=form.allow_lockout,
            untried=form.untried,
            reason=form.reason,
            if_match=f'"{target.version}"' if target.version else None,
            if_none_match=None if target.version else "*",
        )
    except InvalidInputError as error:
        checked = Checked(checking.problems(found, error))
        return await _edit(frame, target, found, checked, status=422)
    except StaleError as error:
        if target.name is not None:
            return await _overtaken(frame, target, found, error)
        checked = Checked((found.placed("metadata.name", f"is taken: {error.message}"),))
        return await _edit(frame, target, found, checked, status=409)
    except (ConflictError, UnavailableError) as error:
        checked = await checking.check(frame, target, found)
        return await _review(frame, target, found, checked, problem=error)
    notes = [f"{each[:1].upper()}{each[1:]}." for each in done.notes]
    told = {"created": "Made.", "updated": "Saved.", "unchanged": "Nothing changed."}
    kind: Any = "warning" if notes else "done"
    path = kind_words.path(target.kind, name)
    return frame.go(path, " ".join([told.get(done.change, ""), *notes]), kind)


async def _overtaken(frame: Frame, target: Target, found: Draft, error: StaleError) -> Response:
    """Show what somebody changed meanwhile, and what saving would make of that."""

    def changed() -> tuple[int, list[str]]:
        try:
            now = resources.show(
                frame.context, frame.me, target.kind, str(target.name), Response()
            ).resource
        except NotFoundError:
            return 0, []
        then = _then(frame, target)
        return now["metadata"]["version"], [] if then is None else diffs.lines(then, now)

    version, theirs = await run_sync(changed)
    fresh = Target(target.kind, target.name, version)
    checked = await checking.check(frame, fresh, found)
    return await _review(frame, fresh, found, checked, problem=error, theirs=theirs)


def _then(frame: Frame, target: Target) -> dict[str, Any] | None:
    """Return the version that somebody has begun with; None where it has none by number."""
    name = target.name or ""
    before = min(target.version + 1, 2**31 - 1)
    found = resource_history.past(
        frame.context, frame.me, target.kind, name, limit=1, before=before
    ).versions
    if not found or found[0].version != target.version or found[0].spec is None:
        return None
    metadata = {"name": name, "description": found[0].description}
    return {"kind": target.kind, "metadata": metadata, "spec": found[0].spec}


async def _edit(
    frame: Frame, target: Target, found: Draft, checked: Checked, status: int = 200
) -> Response:
    def show() -> Response:
        problems = (
            *found.problems,
            *(each for each in checked.problems if each not in found.problems),
        )
        known = showing.known(frame, target)
        return frame.show(
            "resources/edit.html",
            status=status,
            **showing.common(target),
            draft=found,
            lines=found.yaml.count("\n") + 1,
            sections=showing.sections(target, found, problems, known),
            problems=showing.elsewhere(problems),
            checked=checked,
            starters=starters.OF[target.kind] if target.name is None else {},
        )

    return await run_sync(show)


async def _review(
    frame: Frame,
    target: Target,
    found: Draft,
    checked: Checked,
    *,
    problem: PgwardError | None = None,
    theirs: list[str] | None = None,
) -> Response:
    def show() -> Response:
        return frame.show(
            "resources/review.html",
            status=200 if problem is None else errors.status(problem),
            **showing.common(target),
            draft=found,
            checked=checked,
            problem=None if problem is None else kind_words.for_page(problem),
            theirs=theirs or [],
        )

    return await run_sync(show)
