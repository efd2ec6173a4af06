"""The timeline of a recording: shapes in a picture of 1000 by 64. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p

from pgward.ca.service.routes.recording_playback import Moment, Timeline

WIDTH, HEIGHT = 1000, 64
_FLOOR = 44  # bars stand on it, statements lie below
_LANE = 8
_SHORTEST = 1e-6
_COLUMNS = 200
_REACHES = 50
_GAP = 1.0  # between columns
_LEAST = 2.0  # no shape is narrower, or nobody would see it


@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle; ``at`` is where it leads, in seconds, and ``kind`` how it looks."""

    x: float
    y: float
    width: float
    height: float
    at: float
    kind: str
    title: str = ""


def outline(of: Timeline) -> str:
    """Return how much happened when as a path, as high as the logarithm of it."""
    columns = _spread(of)
    most = log1p(max(columns))
    if not most:
        return ""
    width = WIDTH / len(columns)
    found = []
    for place, events in enumerate(columns):
        if events:
            height = max(_LEAST, log1p(events) / most * _FLOOR)
            found.append(f"M{place * width:.1f} {_FLOOR}v-{height:.1f}h{width - _GAP:.1f}V{_FLOOR}")
    return "".join(found)


def reaches(of: Timeline) -> list[Shape]:
    """Return fields that lead to where they lie, over all of the picture."""
    width = WIDTH / _REACHES
    return [
        Shape(each * width, 0, width, HEIGHT, round(each * of.seconds / _REACHES, 3), "reach")
        for each in range(_REACHES)
    ]


def _spread(of: Timeline) -> list[float]:
    """Return the events of each column: what is known of a span of time is spread over it."""
    columns = [0.0] * _COLUMNS
    for each in of.bars:
        first = _column(each.at, of.seconds)
        last = _column(each.until, of.seconds)
        for place in range(first, last + 1):
            columns[place] += each.events / (last - first + 1)
    return columns


def _column(at: float, whole: float) -> int:
    return min(_COLUMNS - 1, int(at / whole * _COLUMNS)) if whole > _SHORTEST else 0


def statements(of: Timeline, moments: Sequence[Moment]) -> list[Shape]:
    """Return statements with how long they took, for the lane below the bars."""
    return [
        Shape(
            *_place(each.at, each.seconds, of.seconds, _FLOOR + 3),
            each.at,
            "bad" if each.status in {"error", "denied"} else "said",
            each.text[:80],
        )
        for each in moments
        if each.kind == "said"
    ]


def troubles(of: Timeline, times: Sequence[tuple[float, str]]) -> list[Shape]:
    """Return marks for what failed or was denied: times in seconds, and words."""
    return [
        Shape(*_place(at, 0, of.seconds, _FLOOR + 3 + _LANE), at, "bad", words[:80])
        for at, words in times
    ]


def _place(at: float, length: float, whole: float, y: float) -> tuple[float, float, float, float]:
    x, width = _across(at, length, whole)
    return x, y, width, _LANE


def _across(at: float, length: float, whole: float) -> tuple[float, float]:
    """Return from where to where something goes, within the picture."""
    if whole <= _SHORTEST:
        return 0.0, float(WIDTH)
    width = min(max(_LEAST, length / whole * WIDTH), WIDTH)
    x = min(max(0.0, at / whole * WIDTH), WIDTH - width)
    return round(x, 1), round(width, 1)
