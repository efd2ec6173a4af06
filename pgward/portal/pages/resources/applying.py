"""Several resources at once: as files that are applied, and as one file to take along."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import ConflictsError, FieldsError
from pgward.ca.service import errors
from pgward.ca.service.models import ResourceChange
from pgward.ca.service.routes import resources
from pgward.ca.service.routes.resources import Changes, Several
from pgward.client import manifest
from pgward.client.manifest import Document, ManifestError
from pgward.client.phrases import counted
from pgward.client.resource import diffs
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError, PgwardError
from pgward.portal.pages.resources import draft as drafts
from pgward.portal.pages.resources import kind_words
from pgward.portal.pages.resources.draft import Problem
from pgward.portal.pages.resources.one import Kind
from pgward.portal.web import forms, headers, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator
from pgward.system.documents import to_yaml

router = route.router()
PATH = "/admin/resources/+apply"
_FILE = "yaml"
_MOST = 256 * 1024
_PLACE = re.compile(r"resources\[(\d+)\]\.?(.*)")
_REFUSALS = (ConflictError, InvalidInputError, NotFoundError)


class Files(Form):
    """YAML of any number of resources, and what else is meant."""

    yaml: Annotated[str, Field(max_length=_MOST)] = ""
    act: Annotated[str, Field(max_length=20)] = "review"
    reason: Annotated[str, Field(max_length=500)] = ""
    allow_lockout: bool = False
    untried: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of one resource."""

    kind: str
    name: str
    change: str
    diff: Sequence[str]
    notes: Sequence[str]


@router.get(PATH)
def begin(frame: Administrator) -> Response:
    """Ask for YAML."""
    return frame.show("resources/apply.html", yaml="", problems=[], lines=12)


@router.post(PATH)
async def apply(frame: Administrator) -> Response:
    """Show what would change, or change it: all of it, or nothing."""
    form = frame.form(Files)
    documents: Sequence[Document] = ()
    try:
        documents = await run_sync(manifest.read_text, form.yaml, _FILE)
        found = await _several(frame, form, documents, dry_run=form.act != "save")
    except _REFUSALS as error:
        problems = list(_problems(documents, error))
        return await run_sync(_again, frame, form, problems, errors.status(error))
    if form.act == "save":
        changed = sum(each.change != "unchanged" for each in found.changes)
        return frame.go(kind_words.TOP, f"Applied: {counted(changed, 'resource')} changed.")
    return await run_sync(_review, frame, documents, found.changes)


@router.get("/admin/resources/{kind}/+export")
def export(frame: Administrator, kind: Kind) -> Response:
    """Give all resources of a kind as one file, which can be applied again."""
    real = kinds.canonical(kind)
    found = resources.every(frame.context, frame.me, real).resources
    text = "---\n".join(f"{to_yaml(diffs.own(each))}\n" for each in found)
    name = f"{kinds.plural(real)}.yaml"
    return Response(
        text,
        media_type="application/yaml",  # RFC 9512
        headers={
            **headers.COMMON,
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


async def _several(
    frame: Administrator, form: Files, documents: Sequence[Document], *, dry_run: bool
) -> Changes:
    given = {
        "resources": [each.value for each in documents],
        "dry_run": dry_run,
        "allow_lockout": form.allow_lockout or dry_run,
        "untried": form.untried or dry_run,
        "reason": form.reason,
    }
    return await resources.several(frame.context, frame.me, forms.checked(Several, given))


def _again(frame: Administrator, form: Files, problems: Sequence[Problem], status: int) -> Response:
    lines = max(12, form.yaml.count("\n") + 1)
    return frame.show(
        "resources/apply.html", status=status, yaml=form.yaml, problems=problems, lines=lines
    )


def _review(
    frame: Administrator, documents: Sequence[Document], changes: Sequence[ResourceChange]
) -> Response:
    """Show each change; what is applied then says which version it was made to."""
    steps, bodies = [], []
    for document, each in zip(documents, changes, strict=True):
        difference = diffs.lines(each.before, each.resource)
        steps.append(Step(document.kind, document.name, each.change, difference, each.notes))
        body: dict[str, Any] = {**document.value, "metadata": {**document.value["metadata"]}}
        if each.before is not None:
            body["metadata"].setdefault("version", each.before["metadata"]["version"])
        bodies.append(body)
    return frame.show(
        "resources/apply_review.html",
        steps=steps,
        changed=sum(each.change != "unchanged" for each in steps),
        yaml="---\n".join(drafts.written(each) for each in bodies),
        kinds={each.kind for each in documents},
    )


def _problems(documents: Sequence[Document], error: PgwardError) -> Iterator[Problem]:
    """Yield what is wrong, each with its line in the text."""
    if isinstance(error, ManifestError):
        yield from (drafts.problem(each) for each in error.problems)
    elif isinstance(error, FieldsError | ConflictsError):
        for each in error.fields:
            message = each.message.partition("; --")[0]  # which a terminal has
            match = _PLACE.fullmatch(each.path)
            if match is None or int(match[1]) >= len(documents):
                yield Problem(0, each.path, message)
                continue
            document = documents[int(match[1])]
            yield Problem(document.line_at(match[2]), match[2], message)
    else:
        yield drafts.problem(kind_words.for_page(error).message)
