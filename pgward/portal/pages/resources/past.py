"""What a resource was: every version with what it changed, and the way back to each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Response
from pydantic import Field

from pgward.ca.resources import kinds
from pgward.ca.service import errors
from pgward.ca.service.models import ResourceChange
from pgward.ca.service.routes import resource_history
from pgward.ca.service.routes.resource_history import Back, PastVersion
from pgward.client.resource import diffs
from pgward.core.errors import PgwardError
from pgward.portal.pages.resources import kind_words
from pgward.portal.pages.resources.one import REFUSALS, Kind, Name, Number
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator

router = route.router()
_PAGE = 20
_Version = Annotated[int, Path(ge=1, le=10**9)]


class Return(Form):
    """Why it goes back, from which version, and what else is meant."""

    version: Annotated[int, Field(ge=0, le=10**9)]
    reason: Annotated[str, Field(max_length=500)] = ""
    allow_lockout: bool = False
    untried: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A version and what it changed; ``is_back`` if one can go back to it."""

    of: PastVersion
    diff: Sequence[str]
    is_back: bool


@router.get("/admin/resources/{kind}/{name}/+history")
def history(frame: Administrator, kind: Kind, name: Name, before: Number | None = None) -> Response:
    """Show every change, the newest first."""
    real = kinds.canonical(kind)
    past = resource_history.past(
        frame.context, frame.me, kind, name, limit=_PAGE + 1, before=before
    )
    found = past.versions[:_PAGE]
    older = [*past.versions[1:], None]
    return frame.show(
        "resources/history.html",
        words=kind_words.OF[real],
        name_of=name,
        path=kind_words.path(real, name),
        list_path=kind_words.path(real),
        steps=[
            Step(
                of=each,
                diff=diffs.lines(_resource(real, name, then), _resource(real, name, each)),
                is_back=each.spec is not None and (place > 0 or before is not None),
            )
            for place, (each, then) in enumerate(zip(found, older, strict=False))
        ],
        first=frame.link(before=None) if before is not None else "",
        next=frame.link(before=str(found[-1].version)) if len(past.versions) > _PAGE else "",
    )


@router.get("/admin/resources/{kind}/{name}/+rollback/{version}")
async def look(frame: Administrator, kind: Kind, name: Name, version: _Version) -> Response:
    """Show what going back to a version would change."""
    return await _look(frame, kind, name, version)


@router.post("/admin/resources/{kind}/{name}/+rollback/{version}")
async def back(frame: Administrator, kind: Kind, name: Name, version: _Version) -> Response:
    """Go back to a version, from the one that was looked at."""
    form = frame.form(Return)
    meant = {"reason": form.reason, "allow_lockout": form.allow_lockout, "untried": form.untried}
    try:
        body = forms.checked(Back, {"to": version, **meant})
        change = await resource_history.rollback(
            *(frame.context, frame.me, kind, name, body, Response()),
            if_match=f'"{form.version}"',
        )
    except REFUSALS as error:
        return await _look(frame, kind, name, version, error)
    told = f"{name} is as it was in version {version}." if change.change != "unchanged" else ""
    notes = [f"{each[:1].upper()}{each[1:]}." for each in change.notes]
    path = kind_words.path(kinds.canonical(kind), name)
    return frame.go(path, " ".join([told or "Nothing changed.", *notes]))


async def _look(
    frame: Administrator, kind: str, name: str, version: int, problem: PgwardError | None = None
) -> Response:
    """Try it out; what is in the way is told on the page."""
    change: ResourceChange | None = None
    body = Back(to=version, dry_run=True, allow_lockout=True)
    try:
        change = await resource_history.rollback(
            frame.context, frame.me, kind, name, body, Response()
        )
    except REFUSALS as error:
        problem = problem or error
    real = kinds.canonical(kind)
    before = None if change is None else change.before
    return await run_sync(
        lambda: frame.show(
            "resources/rollback.html",
            status=200 if problem is None else errors.status(problem),
            words=kind_words.OF[real],
            kind=real,
            name_of=name,
            version=version,
            path=kind_words.path(real, name),
            list_path=kind_words.path(real),
            problem=None if problem is None else kind_words.for_page(problem),
            change=change,
            diff=[] if change is None else diffs.lines(before, change.resource),
            now=0 if before is None else before["metadata"]["version"],
        )
    )


def _resource(kind: str, name: str, version: PastVersion | None) -> dict[str, Any] | None:
    if version is None or version.spec is None:
        return None
    metadata = {"name": name, "description": version.description}
    return {"kind": kind, "metadata": metadata, "spec": version.spec}
