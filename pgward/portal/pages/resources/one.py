"""One resource: what it says, what it names and what names it; and its end."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Query, Response
from pydantic import Field

from pgward.ca.resources import kinds
from pgward.ca.service import errors
from pgward.ca.service.routes import resource_descriptions, resources
from pgward.ca.service.routes.resource_descriptions import Description, ReferenceInfo
from pgward.client.resource import diffs
from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.portal.pages.resources import kind_words
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator
from pgward.system.documents import to_yaml

router = route.router()
REFUSALS = (ConflictError, InvalidInputError)
Kind = Annotated[str, Path(max_length=63)]
Name = Annotated[str, Path(max_length=253)]
Number = Annotated[int, Query(ge=1, le=10**9)]
_MOST = 50  # of what one page shows of the resources that another names, or is named by
_MACHINES = {"Edge": "/admin/edges", "Host": "/admin/hosts", "Connector": "/admin/connectors"}


class Gone(Form):
    """A resource that is to go: in which version, and why."""

    version: Annotated[int, Field(ge=1, le=10**9)]
    reason: Annotated[str, Field(max_length=500)] = ""


@router.get("/admin/resources/{kind}/{name}")
def show(frame: Administrator, kind: Kind, name: Name) -> Response:
    """Show a resource with all that hangs on it."""
    found = resource_descriptions.describe(frame.context, frame.me, kind, name)
    return frame.show("resources/one.html", **_told(found))


@router.get("/admin/resources/{kind}/{name}/+delete")
def ask(frame: Administrator, kind: Kind, name: Name) -> Response:
    """Ask whether it shall really go, and say what names it."""
    return _ask(frame, kind, name)


@router.post("/admin/resources/{kind}/{name}/+delete")
async def delete(frame: Administrator, kind: Kind, name: Name) -> Response:
    """Delete it, as it was when it was asked about."""
    form = frame.form(Gone)
    try:
        await resources.delete(
            *(frame.context, frame.me, kind, name),
            reason=form.reason,
            if_match=f'"{form.version}"',
        )
    except REFUSALS as error:
        return await run_sync(_ask, frame, kind, name, error)
    real = kinds.canonical(kind)
    words = f"{name} is deleted. Its history can bring it back: {kind_words.path(real, name)}"
    return frame.go(kind_words.path(real), f"{words}/+history")


def _ask(
    frame: Administrator, kind: str, name: str, problem: PgwardError | None = None
) -> Response:
    found = resource_descriptions.describe(frame.context, frame.me, kind, name)
    return frame.show(
        "resources/delete.html",
        status=200 if problem is None else errors.status(problem),
        **_told(found),
        problem=None if problem is None else kind_words.for_page(problem),
    )


def _told(found: Description) -> dict[str, Any]:
    kind, name = found.resource["kind"], found.resource["metadata"]["name"]
    return {
        "kind": kind,
        "words": kind_words.OF[kind],
        "path": kind_words.path(kind, name),
        "list_path": kind_words.path(kind),
        "metadata": found.resource["metadata"],
        "yaml": to_yaml(diffs.own(found.resource)),
        "notes": found.notes,
        "refers_to": [_reference(each) for each in found.refers_to[:_MOST]],
        "more_named": max(0, len(found.refers_to) - _MOST),
        "referred_to_by": [_reference(each) for each in found.referred_to_by[:_MOST]],
        "more_naming": max(0, len(found.referred_to_by) - _MOST),
        "versions": found.versions,
        "connector": found.connector,
    }


def _reference(found: ReferenceInfo) -> tuple[ReferenceInfo, str]:
    """Return what is named with where its page is."""
    if found.kind in kind_words.OF:
        return found, kind_words.path(found.kind, found.name)
    return found, _MACHINES.get(found.kind, "")
