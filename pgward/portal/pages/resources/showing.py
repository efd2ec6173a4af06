"""How a draft stands on a page: its form's entries with what is wrong at each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgward.ca.service.routes import resources
from pgward.portal.pages.resources import forms_of, kind_words
from pgward.portal.pages.resources import outline as outlines
from pgward.portal.pages.resources.checking import Target
from pgward.portal.pages.resources.draft import Draft, Problem
from pgward.portal.pages.resources.outline import Entry, Outline, Place, Section
from pgward.portal.web.frame import Frame

_MOST_KNOWN = 200
_NAME = Section("Its name", (Entry("metadata.name", "Name", help="It cannot be changed later."),))


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry: its place, what is wrong there, and names that may be meant."""

    place: Place
    wrong: str
    known: Sequence[str]

    @property
    def id(self) -> str:
        """What the entry is called in the page."""
        return self.place.path.replace("[", "-").replace("]", "")


@dataclass(frozen=True, slots=True)
class Part:
    """A section with its entries; those of a list once for each item."""

    section: Section
    groups: Sequence[Sequence[Shown]]
    is_open: bool


def outline(target: Target) -> Outline:
    """Return the form of what is written; nothing for a kind that has none."""
    found = forms_of.OF.get(target.kind, ())
    return (_NAME, *found) if found and target.name is None else found


def common(target: Target) -> dict[str, Any]:
    """Return what pages about a draft say besides."""
    path = kind_words.path(target.kind, target.name or "")
    return {
        "kind": target.kind,
        "words": kind_words.OF[target.kind],
        "name_of": target.name or "",
        "version": target.version,
        "list_path": kind_words.path(target.kind),
        "path": path,
        "action": f"{path}/+edit" if target.name else f"{path}/+new",
    }


def known(frame: Frame, target: Target) -> Mapping[str, Sequence[str]]:
    """Return the names of resources that entries may mean, by kind."""
    wanted = {entry.known for section in outline(target) for entry in section.entries}
    found = {}
    for kind in wanted - {""}:
        every = resources.every(frame.context, frame.me, kind, limit=_MOST_KNOWN).resources
        found[kind] = [str(each["metadata"]["name"]) for each in every]
    return found


def sections(
    target: Target, draft: Draft, problems: Iterable[Problem], names: Mapping[str, Sequence[str]]
) -> list[Part]:
    """Return the form of a draft; nothing where the YAML cannot be read, or the kind has none."""
    if draft.document is None:
        return []
    value, wrong = draft.document.value, list(problems)
    mode = outlines.get(value, "spec.mode") or "tcp"
    found = []
    for section in outline(target):
        shown = [
            [
                Shown(each, _wrong(each.path, wrong), names.get(each.entry.known, ()))
                for each in group
            ]
            for group in outlines.groups(section, value)
        ]
        is_open = section.mode in ("", mode) and not (section.is_extra and _is_silent(shown))
        found.append(Part(section, shown, is_open))
    return found


def elsewhere(problems: Iterable[Problem]) -> list[Problem]:
    """Return all problems by line, each once."""
    return sorted(dict.fromkeys(problems), key=lambda each: (each.line, each.path))


def _wrong(path: str, problems: Iterable[Problem]) -> str:
    """Return what is wrong with a field, or with what is inside it."""
    return "; ".join(
        each.message
        for each in problems
        if each.path == path or each.path.startswith((f"{path}[", f"{path}."))
    )


def _is_silent(groups: Iterable[Iterable[Shown]]) -> bool:
    """Tell whether entries say nothing but what is usual, and nothing is wrong with them."""
    every = [each for group in groups for each in group]
    return not any(
        each.wrong or each.place.value != outlines.text_of(each.place.entry, None) for each in every
    )
