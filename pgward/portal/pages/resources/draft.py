"""A resource that is being written: its YAML, and a form for some of it, made one document; pure.

A page shows both sides of the same text, and gets both back with the text that it has shown. What
somebody changed in the form goes into the YAML; all else of the YAML is as it was typed.
"""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgward.client import manifest
from pgward.client.manifest import Document, ManifestError
from pgward.core.errors import InvalidInputError
from pgward.portal.pages.resources import outline as outlines
from pgward.portal.pages.resources.outline import Kind, Outline, Place
from pgward.system.documents import to_yaml

_FILE = "yaml"
_WHERE = re.compile(rf"{_FILE}:(\d+)(?:: (\S+))?: (.*)", re.DOTALL)
_ITEM = re.compile(r"[\w.]+\[\d+\]")
_MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: in which line of the YAML (0: in none), with which field, and what."""

    line: int
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The text, the document in it (None where it cannot be read), and what is wrong with it."""

    yaml: str
    document: Document | None
    problems: tuple[Problem, ...] = ()

    def placed(self, path: str, message: str) -> Problem:
        """Return a problem with a field, with the line that it stands in."""
        line = 0 if self.document is None else self.document.line_at(path)
        return Problem(line, path, message)


def read(yaml: str) -> Draft:
    """Read one document; what keeps it from being read is its problems."""
    try:
        found = manifest.read_text(yaml, _FILE, named=False)
    except ManifestError as error:
        return Draft(yaml, None, tuple(problem(each) for each in error.problems))
    except InvalidInputError as error:
        return Draft(yaml, None, (problem(error.message),))
    if len(found) > 1:
        message = "there is a second document: a page changes one at a time"
        return Draft(yaml, None, (Problem(found[1].line, "", message),))
    return Draft(yaml, found[0])


def written(document: Mapping[str, Any]) -> str:
    """Return a document as YAML."""
    return to_yaml(document) + "\n"


def merged(outline: Outline, shown: str, yaml: str, given: Mapping[str, str]) -> Draft:
    """Return what came of a page: ``shown`` is the text that it has shown, both sides of it.

    ``given`` is what its form says now; a flag that is off says nothing.
    """
    base, now = read(shown), read(yaml)
    if base.document is None or now.document is None:
        return now  # the page had no form, or there is nowhere to put what it says
    before = outlines.places(outline, base.document.value)
    changed = {
        path: text for path, place in before.items() if (text := _changed(place, given)) is not None
    }
    if not changed:
        return now
    typed = now.document.value
    document = copy.deepcopy(typed)
    left_out = []
    for path, text in changed.items():
        items = path.partition("[")[0] if "[" in path else ""
        if items and outlines.get(base.document.value, items) != outlines.get(typed, items):
            left_out.append(path)
            continue
        outlines.put(document, path, outlines.value_of(before[path].entry, text))
    return _again(read(written(document)) if len(left_out) < len(changed) else now, left_out)


def with_item(draft: Draft, path: str, item: Mapping[str, Any]) -> Draft:
    """Return it with one more item in a list."""

    def add(document: dict[str, Any]) -> None:
        items = outlines.get(document, path)
        kept = items if isinstance(items, list) else []
        if len(kept) < _MOST_ITEMS:
            outlines.put(document, path, [*kept, dict(item)])

    return _edited(draft, add)


def without_item(draft: Draft, path: str) -> Draft:
    """Return it without an item of a list, if that is there."""

    def remove(document: dict[str, Any]) -> None:
        if _ITEM.fullmatch(path):
            outlines.put(document, path, None)

    return _edited(draft, remove)


def _edited(draft: Draft, change: Callable[[dict[str, Any]], None]) -> Draft:
    if draft.document is None:
        return draft
    document = copy.deepcopy(draft.document.value)
    change(document)
    return read(written(document))


def _changed(place: Place, given: Mapping[str, str]) -> str | None:
    """Return what a form says now where that is another text than it was shown with."""
    if place.value is None:
        return None
    text = given.get(place.path)
    if text is None:
        text = "" if place.entry.kind is Kind.FLAG else place.value
    same = text == place.value or text.strip() == place.value.strip()
    return None if same else text


def _again(found: Draft, left_out: Sequence[str]) -> Draft:
    lost = tuple(
        found.placed(each, "was changed in the form and in the YAML: the YAML is kept")
        for each in left_out
    )
    return Draft(found.yaml, found.document, (*found.problems, *lost))


def problem(text: str) -> Problem:
    """Return what a reader of YAML says, with its line."""
    match = _WHERE.fullmatch(text)
    if match is None:
        return Problem(0, "", text.removeprefix(f"{_FILE}: "))
    return Problem(int(match[1]), match[2] or "", match[3])
