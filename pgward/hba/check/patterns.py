"""What stands in an expression: whether it speaks of a whole name, and dots that are no dots."""

import functools
import re
from collections.abc import Iterator

_OPTIONS = re.compile(r"(?:\*\*\*:)?(?:\(\?[a-z]+\))?")
_LITERAL = "***="
# A bracket expression, in which a class like [[:alpha:]] may stand, or an escape.
_UNIT = re.compile(r"\\.|\[\^?\]?(?:\[[:.=].*?[:.=]\]|[^\]])*\]|.", re.DOTALL)
# From the very start on, whatever it is: what is found first begins there.
_BEGINS = re.compile(r"(?:\^|\\A|\(?(?:\?:)?\.[*+])")
_ANY_AT_END = re.compile(r"(?<!\\)\.[*+]\)?$")
_LABEL = "[A-Za-z0-9-]"
_DOTS = re.compile(rf"(@?)({_LABEL}+(?:[.\0]{_LABEL}+)+)(?![*+?{{])")
_OTHER = "\1"
_KEPT = 4096


@functools.lru_cache(_KEPT)
def speaks_of_whole(source: str) -> bool:
    """Tell whether an expression, without its slash, says where a name begins and where it ends.

    Also one that begins or ends with whatever there is, as ``.*`` does.
    """
    if source.startswith(_LITERAL):
        return False
    rest = source[_matched(_OPTIONS, source) :]
    return all(_BEGINS.match(each) and _has_end(each) for each in _branches(rest))


@functools.lru_cache(_KEPT)
def loose_domain(source: str) -> str | None:
    """Return the first domain, by its looks, in an expression of which a dot is any letter.

    It stands behind an ``@``, or has more than two labels.
    """
    if source.startswith(_LITERAL):
        return None
    for at, text in _DOTS.findall("".join(_domain_letters(source))):
        if "." in text and (at or len(re.split(r"[.\0]", text)) > 2):  # noqa: PLR2004
            return f"{at}{text}".replace("\0", r"\.")
    return None


def is_one_name(source: str) -> bool:
    """Tell whether an expression is, from its start to its end, letters that mean themselves."""
    return re.fullmatch(r"\^(?:[\w@ -]|\\[^\w])*\$", source) is not None


def _has_end(branch: str) -> bool:
    units = _UNIT.findall(branch)
    return bool(units) and (units[-1] in {"$", r"\Z"} or bool(_ANY_AT_END.search(branch)))


def _branches(source: str) -> Iterator[str]:
    """Yield the alternatives that stand in no group."""
    depth, branch = 0, ""
    for unit in _UNIT.findall(source):
        if unit == "|" and not depth:
            yield branch
            branch = ""
            continue
        depth += (unit == "(") - (unit == ")")
        branch += unit
    yield branch


def _domain_letters(source: str) -> Iterator[str]:
    r"""Yield its letters with NUL for ``\.``, and another for what is no letter of a domain."""
    for unit in _UNIT.findall(source):
        if unit in {r"\.", "[.]"}:
            yield "\0"
        elif unit in {r"\-", r"\@"}:
            yield unit[1]
        else:
            yield unit if len(unit) == 1 else _OTHER


def _matched(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0
