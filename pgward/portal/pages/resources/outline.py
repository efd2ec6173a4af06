"""A form for a document: which of its fields it has, and how each reads as a text; pure.

An entry is called as the path of its field (``spec.upstream.host``), so that what is wrong with
a field is told at its entry. What an entry cannot show stays as it is, and only the YAML has it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NUMBER = re.compile(r"-?\d{1,12}")
_KEPT = ("kind", "metadata", "spec")


class Kind(StrEnum):
    """How an entry is filled in, and what it stands for."""

    TEXT = "text"
    AREA = "area"
    NUMBER = "number"
    CHOICE = "choice"
    FLAG = "flag"
    LINES = "lines"
    PAIRS = "pairs"
    CONDITION = "condition"
    MEANING = "meaning"


@dataclass(frozen=True, slots=True)
class Entry:
    """One field; in a section that repeats, ``path`` begins inside each item.

    ``usual`` is what holds where nothing is said; for a flag, whether it is on then. ``known`` is
    the kind of resources whose names are meant. Each of ``choices`` may mean an object, at the same
    place in ``means``; what is false in one may be left out of it.
    """

    path: str
    title: str
    kind: Kind = Kind.TEXT
    help: str = ""
    choices: tuple[str, ...] = ()
    usual: str = ""
    is_on: bool = False
    known: str = ""
    means: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Entries that belong together; with ``each`` there is one such group per item of that list.

    ``mode`` is the mode of a service that it is about, if only one. Few people need ``extra`` ones.
    """

    title: str
    entries: tuple[Entry, ...]
    about: str = ""
    each: str = ""
    item: str = ""
    mode: str = ""
    is_extra: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """An entry at its place in a document: its full path, and what it says there.

    ``value`` is None for what no text can say.
    """

    path: str
    entry: Entry
    value: str | None


Outline = tuple[Section, ...]


def places(outline: Outline, document: Mapping[str, Any]) -> dict[str, Place]:
    """Return every entry that a document has a place for, by path."""
    found = (place for section in outline for group in groups(section, document) for place in group)
    return {each.path: each for each in found}


def groups(section: Section, document: Mapping[str, Any]) -> list[list[Place]]:
    """Return a section's entries: once, or for each item."""
    if not section.each:
        return [list(_at("", section, document))]
    items = get(document, section.each)
    number = len(items) if isinstance(items, list) else 0
    return [list(_at(f"{section.each}[{place}].", section, document)) for place in range(number)]


def get(document: object, path: str) -> Any:
    """Return what stands at a path, or None."""
    found = document
    for step in _steps(path):
        if isinstance(step, int):
            is_there = isinstance(found, list) and step < len(found)
            found = found[step] if is_there and isinstance(found, list) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found


def put(document: dict[str, Any], path: str, value: object) -> None:
    """Set what stands at a path; None takes it away, with what is empty around it then.

    What is no object where a field must be in one, becomes one; lists are not made longer.
    """
    steps = _steps(path)
    here: Any = document
    trail: list[tuple[Any, str | int]] = []
    for step, following in pairwise(steps):
        inner = get(here, f"[{step}]") if isinstance(step, int) else here.get(step)
        if not isinstance(inner, list if isinstance(following, int) else dict):
            if value is None or isinstance(step, int) or isinstance(following, int):
                return
            inner = {}
            here[step] = inner
        trail.append((here, step))
        here = inner
    _set(here, steps[-1], value)
    for outer, step in reversed(trail):
        if outer[step] or isinstance(step, int) or step in _KEPT:
            return
        del outer[step]


def _set(around: Any, last: str | int, value: object) -> None:
    if isinstance(last, int):
        around[last : last + 1] = [] if value is None else [value] * (last < len(around))
    elif value is None:
        around.pop(last, None)
    else:
        around[last] = value


def text_of(entry: Entry, value: object) -> str | None:  # noqa: PLR0911 - one line for each kind
    """Return a value as the entry shows it; None where it cannot."""
    if entry.kind is Kind.FLAG:
        shown = entry.is_on if value is None else value
        return {True: "true", False: ""}.get(shown) if isinstance(shown, bool) else None
    if value is None:
        return ""
    if entry.kind is Kind.LINES:
        is_shown = isinstance(value, list) and all(_is_line(each) for each in value)
        return "\n".join(value) if is_shown and isinstance(value, list) else None
    if entry.kind is Kind.PAIRS:
        return _pairs(value)
    if entry.kind is Kind.CONDITION:
        return _condition(value)
    if entry.kind is Kind.MEANING:
        return _meaning(entry, value)
    if entry.kind is Kind.NUMBER and type(value) is int:
        return str(value)
    return value if isinstance(value, str) else None


def value_of(entry: Entry, text: str) -> object:  # noqa: PLR0911 - one line for each kind
    """Return what a text stands for; None for nothing."""
    if entry.kind is Kind.FLAG:
        is_on = bool(text)
        return None if is_on is entry.is_on else is_on
    text = text.strip()
    if not text:
        return None
    if entry.kind is Kind.NUMBER:
        return int(text) if _NUMBER.fullmatch(text) else text
    if entry.kind is Kind.CONDITION:
        return {"match": text}
    if entry.kind is Kind.MEANING:
        return dict(zip(entry.choices, map(dict, entry.means), strict=True)).get(text)
    lines = [each.strip() for each in text.splitlines() if each.strip()]
    if entry.kind is Kind.PAIRS:
        return dict(_pair(each) for each in lines)
    return lines if entry.kind is Kind.LINES else text


def _at(before: str, section: Section, document: Mapping[str, Any]) -> Iterator[Place]:
    for each in section.entries:
        path = f"{before}{each.path}"
        yield Place(path, each, text_of(each, get(document, path)))


def _steps(path: str) -> list[str | int]:
    return [name or int(number) for name, number in _STEP.findall(path)]


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value == value.strip() != "" and "\n" not in value


def _pairs(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    for name, each in value.items():
        if not _is_line(name) or "=" in name or not isinstance(each, str) or "\n" in each:
            return None
    return "\n".join(f"{name}={each}" for name, each in value.items())


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def _condition(value: object) -> str | None:
    """Return a condition that is one expression; people may leave out that it is a match."""
    if isinstance(value, dict) and value.keys() == {"match"}:
        value = value["match"]
    return value if isinstance(value, str) else None


def _meaning(entry: Entry, value: object) -> str | None:
    """Return the choice that means an object."""
    if not isinstance(value, dict):
        return None
    said = {name: each for name, each in value.items() if each is not False}
    both = zip(entry.choices, entry.means, strict=True)
    return next((choice for choice, meant in both if meant == said), None)
