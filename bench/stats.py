"""Medians and spread."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Summary:
    """The five numbers of a box plot, and how many values they stand for."""

    median: float
    low: float
    first_quartile: float
    third_quartile: float
    high: float
    count: int


def summarize(values: Iterable[float]) -> Summary | None:
    """Summarize ``values``, with quartiles by linear interpolation; None when there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    first, third = _quartiles(ordered)
    return Summary(median(ordered), ordered[0], first, third, ordered[-1], len(ordered))


def _quartiles(ordered: list[float]) -> tuple[float, float]:
    if len(ordered) == 1:
        return ordered[0], ordered[0]
    first, _, third = quantiles(ordered, n=4, method="inclusive")
    return first, third
