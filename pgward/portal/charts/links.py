"""Who reaches what: names on two sides, and lines between them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 720
_ROW, _TOP = 24, 26
_LEFT, _RIGHT = 230, 490
_BEND = 110
_BOW = 12
_MOST_LETTERS = 30


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a name to another; ``kind`` is how it looks, ``says`` what it means."""

    left: str
    right: str
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class Node:
    """A name, at the height of its middle; ``text`` is what of it has room."""

    y: float
    text: str
    name: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line, as SVG's path."""

    path: str
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class LinkMap:
    """All that is drawn; ``says`` is the picture in words."""

    title: str
    says: str
    left: Sequence[Node]
    right: Sequence[Node]
    curves: Sequence[Curve]
    height: int
    width: int = WIDTH
    left_x: int = _LEFT
    right_x: int = _RIGHT


def draw(title: str, links: Sequence[Link]) -> LinkMap:
    """Return the picture of links; names on the right stand in the order in which they come.

    Those on the left stand where most of their lines are short (the mean of their ends).
    """
    once = list(dict.fromkeys(links))
    right = {name: place for place, name in enumerate(dict.fromkeys(each.right for each in once))}
    ends: dict[str, list[int]] = {}
    for each in once:
        ends.setdefault(each.left, []).append(right[each.right])
    ordered = sorted(ends, key=lambda name: (sum(ends[name]) / len(ends[name]), name))
    left = {name: place for place, name in enumerate(ordered)}
    rows = max(len(left), len(right), 1)
    left_at = {name: _y(place, len(left), rows) for name, place in left.items()}
    right_at = {name: _y(place, len(right), rows) for name, place in right.items()}
    return LinkMap(
        title=title,
        says=f"{len(left)} who reach {len(right)} by {len(once)} ways.",
        left=[Node(y, _shortened(name), name) for name, y in left_at.items()],
        right=[Node(y, _shortened(name), name) for name, y in right_at.items()],
        curves=[
            Curve(_path(left_at[each.left], right_at[each.right], bow), each.kind, each.says)
            for each, bow in _bowed(once)
        ],
        height=_TOP + rows * _ROW,
    )


def _y(place: int, count: int, rows: int) -> float:
    """Return the height of a name: the shorter side is spread over the longer one."""
    return round(_TOP + (place + 0.5) * _ROW * rows / count, 1)


def _bowed(links: Sequence[Link]) -> Iterator[tuple[Link, int]]:
    """Yield links with how far each is bent, so that those of the same two names stand apart."""
    before: Counter[tuple[str, str]] = Counter()
    for each in links:
        pair = (each.left, each.right)
        yield each, before[pair] * _BOW
        before[pair] += 1


def _path(left: float, right: float, bow: int) -> str:
    begin, end = _LEFT + 8, _RIGHT - 8
    return f"M{begin} {left}C{begin + _BEND} {left + bow} {end - _BEND} {right + bow} {end} {right}"


def _shortened(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
