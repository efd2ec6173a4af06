"""What would become of a draft: all that is wrong with it, or what would change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Response

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.ca.service.models import ResourceChange
from pgward.ca.service.routes import resources
from pgward.client.resource import diffs
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError, PgwardError
from pgward.portal.pages.resources import kind_words
from pgward.portal.pages.resources.draft import Draft, Problem
from pgward.portal.web.frame import Frame

_TRIED = "IdentityProvider"
"""Is tried out before it is saved, which asks other servers: not at every letter."""
_NEW = "new"


@dataclass(frozen=True, slots=True)
class Target:
    """What a draft is to become: ``name`` is None for a new one, ``version`` then 0."""

    kind: str
    name: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Checked:
    """All that is wrong; or else the difference to what is stored, and what to know of it.

    ``is_whole`` is false where only saving tells the rest.
    """

    problems: tuple[Problem, ...] = ()
    diff: Sequence[str] = ()
    notes: Sequence[str] = ()
    is_done: bool = False
    is_whole: bool = True


def name_in(draft: Draft) -> str:
    """Return the name that a draft gives itself; one that no resource has where there is none."""
    value = {} if draft.document is None else draft.document.value
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) and name else _NEW


def problems(draft: Draft, error: PgwardError) -> tuple[Problem, ...]:
    """Return what is wrong with the fields that an error names."""
    if isinstance(error, FieldsError):
        return tuple(draft.placed(each.path, each.message) for each in error.fields)
    told = kind_words.for_page(error)
    more = f" ({told.hint})" if told.hint else ""
    return (Problem(0, "", f"{told.message}{more}"),)


async def check(frame: Frame, target: Target, draft: Draft) -> Checked:
    """Have the authority look at a draft, and change nothing."""
    if draft.problems or draft.document is None:
        return Checked(draft.problems)
    body, name = draft.document.value, target.name or name_in(draft)
    try:
        if target.kind == _TRIED:
            return await run_sync(_untried, frame, target, body)
        found, warnings = await _tried(frame, target.kind, name, body)
    except (ConflictError, InvalidInputError, NotFoundError) as error:
        return Checked(problems(draft, error))
    if target.name is None and found.before is not None:
        taken = f"is taken: there is a {target.kind} {name!r} already"
        return Checked((draft.placed("metadata.name", taken),))
    difference = diffs.lines(found.before, found.resource)
    return Checked(diff=difference, notes=[*warnings, *found.notes], is_done=True)


async def _tried(
    frame: Frame, kind: str, name: str, body: Any
) -> tuple[ResourceChange, Sequence[str]]:
    """Try it out; what is refused only until somebody says that they mean it, is a warning."""
    given = (frame.context, frame.me, kind, name, body, Response())
    try:
        return await resources.put(*given, dry_run=True), ()
    except ConflictError as error:
        return await resources.put(*given, dry_run=True, allow_lockout=True), (
            kind_words.for_page(error).message,
        )


def _untried(frame: Frame, target: Target, body: dict[str, Any]) -> Checked:
    """Look at what can be known without asking other servers."""
    spec = kinds.read(target.kind, body).spec
    after = {**body, "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True)}
    before = None
    if target.name is not None:
        found = resources.show(frame.context, frame.me, target.kind, target.name, Response())
        before = found.resource
    return Checked(diff=diffs.lines(before, after), is_done=True, is_whole=False)
