"""Regular expressions that mean the same with every Python that pgward runs on.

Python 3.11.0 to 3.11.3, which Debian 12 has, forgets where a possessive repeat of a group
(``(?:…)*+``) ended when the try after that fails half way (gh-100061): it goes on from there. So
what is inside is an atomic group (``(?>…)``), or ends with ``|(?!)``: both begin where they began.
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]  # what re itself is made of
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import pgward

ROOT = Path(pgward.__file__).parent
LETTERS = {ops.LITERAL, ops.NOT_LITERAL, ops.IN, ops.ANY}
NEVER = str(list(parser.parse("(?!)")))
REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}


def modules() -> Iterator[str]:
    """Yield the modules that may have such a repeat."""
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text()
        if "re.compile" in text and re.search(r"[*+?}]\+", text):
            yield ".".join(("pgward", *path.relative_to(ROOT).with_suffix("").parts))


def patterns(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from patterns(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from patterns(each)


def astray(tree: Any) -> bool:
    """Tell whether a possessive repeat in a pattern may go on from the wrong place."""
    for op, argument in tree:
        if op is ops.POSSESSIVE_REPEAT and may_end_half_way(argument[2]):
            return True
        if any(astray(each) for each in inner(argument)):
            return True
    return False


def inner(argument: object) -> Iterator[Any]:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for each in argument:
            yield from inner(each)


def may_end_half_way(body: Any) -> bool:
    """Tell whether a try can fail where something inside has noted another place."""
    only, argument = body[0] if len(body) == 1 else (None, None)
    if only is ops.ATOMIC_GROUP:
        return False
    if only is ops.BRANCH:
        tries = argument[1]
        never = str(list(tries[-1])) == NEVER
        return not never and any(may_end_half_way(each) for each in tries)
    return notes_and_fails(body)


def notes_and_fails(body: Any) -> bool:
    """Tell whether one thing after the other can fail behind what notes where it begins."""
    has_gone_on = has_noted = False
    for op, argument in body:
        is_repeat = op in REPEATS and len(argument[2]) == 1 and argument[2][0][0] in LETTERS
        if not is_repeat and op not in LETTERS:
            return True
        can_fail = not is_repeat or argument[0] > 0
        if can_fail and (has_noted or (is_repeat and has_gone_on)):
            return True
        has_gone_on, has_noted = True, has_noted or is_repeat
    return False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(?:a|b(?!c))++", True),
        ("(?:a|b(?!c)|(?!))++", False),
        ("(?:(?>a|b(?!c)))++", False),
        ("(?:b'[^']*'|c)*+", True),
        ("(?:''[^']*+)*+", False),
        (r"(?:\.[0-9]+)?+", True),
        ("a(?!b)", False),
    ],
)
def test_what_is_looked_for(text, expected):
    assert astray(parser.parse(text)) is expected


@pytest.mark.parametrize("name", list(modules()))
def test_possessive_repeats_mean_the_same_everywhere(name):
    values = vars(importlib.import_module(name)).values()
    found = [each for value in values for each in patterns(value)]
    wrong = [each.pattern for each in found if astray(parser.parse(each.pattern, each.flags))]
    assert wrong == []
