"""Bars over time, stacked where there are several series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pgward.portal.charts import scale

WIDTH: Final = 420
HEIGHT: Final = 150
_LEFT, _TOP, _BOTTOM = 36, 8, 22
_BASE = HEIGHT - _BOTTOM
_SHARE = 0.72  # of its place that a bar takes
_MOST_LABELS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers that are drawn alike; ``kind`` is ``good``, ``bad`` or ``plain``."""

    name: str
    kind: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Spot:
    """The column of one moment, and what it says to who points at it."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """All that is drawn; ``says`` is the chart in words."""

    title: str
    says: str
    series: Sequence[Series]
    bars: Sequence[Bar]
    lines: Sequence[Label]
    labels: Sequence[Label]
    spots: Sequence[Spot]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    top: int = _TOP
    base: int = _BASE


def draw(title: str, moments: Sequence[str], series: Sequence[Series]) -> BarChart:
    """Return the chart of series that have a number for each of ``moments``."""
    count = len(moments)
    sums = [sum(each.values[place] for each in series) for place in range(count)]
    ticks = scale.ticks(max(sums, default=0))
    room = (WIDTH - _LEFT) / max(1, count)

    def height(number: float) -> float:
        return round(number / ticks[-1] * (_BASE - _TOP), 1)

    bars = []
    for place in range(count):
        x, below = round(_LEFT + (place + (1 - _SHARE) / 2) * room, 1), 0
        for each in series:
            value = each.values[place]
            if value:
                top = round(_BASE - height(below + value), 1)
                bars.append(Bar(x, top, round(room * _SHARE, 1), height(value), each.kind))
            below += value
    return BarChart(
        title=title,
        says=_says(moments, series, sums),
        series=series,
        bars=bars,
        lines=[Label(_LEFT, round(_BASE - height(each), 1), scale.short(each)) for each in ticks],
        labels=_labels(moments, room),
        spots=[
            Spot(round(_LEFT + place * room, 1), round(room, 1), _told(moment, series, place))
            for place, moment in enumerate(moments)
            if sums[place]
        ],
    )


def _labels(moments: Sequence[str], room: float) -> list[Label]:
    every = max(1, -(-len(moments) // _MOST_LABELS))
    return [
        Label(round(_LEFT + (place + 0.5) * room, 1), HEIGHT - 6, moment)
        for place, moment in enumerate(moments)
        if place % every == 0
    ]


def _told(moment: str, series: Sequence[Series], place: int) -> str:
    said = [f"{each.values[place]:,} {each.name}" for each in series]
    return f"{moment}: {', '.join(said)}"


def _says(moments: Sequence[str], series: Sequence[Series], sums: Sequence[int]) -> str:
    said = ", ".join(f"{sum(each.values):,} {each.name}" for each in series)
    if not any(sums):
        return f"{said}."
    highest = max(range(len(sums)), key=sums.__getitem__)
    return f"{said}. The most, {sums[highest]:,}, at {moments[highest]}."
