"""results.svg: every promised ratio as a bar, with its spread, against the line at 1."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.samples import Samples
from bench.stats import Summary
from bench.targets import OURS, TARGETS

_COLOURS = {"haproxy": "#2b6cb0", "stunnel": "#a0aec0"}
_BASES = tuple(_COLOURS)
_BAR = 0.38


def advantage(samples: Samples, metric: str, base: str) -> Summary | None:
    """Return the ratio to ``base`` at its strongest, turned so that above 1 is better for us."""
    base = samples.strongest(metric, base)
    if metric in samples.metrics and samples.metrics[metric].better == "less":
        return samples.ratio(metric, base, OURS)
    return samples.ratio(metric, OURS, base)


def draw(samples: Samples, path: Path) -> None:
    """Draw the chart; nothing is written when there is nothing to compare."""
    keys = [key for key in _shown() if any(advantage(samples, key, base) for base in _BASES)]
    if not keys:
        return
    figure = Figure(figsize=(9, 1.4 + 0.5 * len(keys)), layout="constrained")
    axes = figure.add_subplot()
    for place, base in enumerate(_BASES):
        _bars(axes, samples, keys, base, (place - 0.5) * _BAR)
    _decorate(axes, [samples.metrics[key].title for key in keys])
    # Without a date and random ids the file changes only when the numbers do.
    with mpl.rc_context({"svg.hashsalt": "pgward", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _shown() -> list[str]:
    return list(dict.fromkeys(target.metric for target in TARGETS if target.ours == OURS))


def _bars(axes: Axes, samples: Samples, keys: Sequence[str], base: str, shift: float) -> None:
    found = [(row, advantage(samples, key, base)) for row, key in enumerate(keys)]
    bars = [(row + shift, summary) for row, summary in found if summary]
    places, middles = [place for place, _ in bars], [s.median for _, s in bars]
    below = [s.median - s.low for _, s in bars]
    above = [s.high - s.median for _, s in bars]
    axes.barh(places, middles, _BAR, color=_COLOURS[base], label=f"against {base}", zorder=2)
    axes.errorbar(
        middles, places, xerr=(below, above), fmt="none", ecolor="#1a202c", capsize=2, zorder=3
    )
    for place, summary in bars:
        text = f" {summary.median:.2f}"
        axes.annotate(text, (summary.high, place), va="center", fontsize=8)


def _decorate(axes: Axes, titles: Sequence[str]) -> None:
    axes.axvline(1.0, color="#c53030", linewidth=1.5, zorder=4)
    axes.set_yticks(range(len(titles)), titles)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    axes.set_xlabel(
        "pgward compared; right of the line is better for pgward (costs are inverted);\n"
        "bar: median of the rounds' ratios, whisker: lowest to highest"
    )
    axes.grid(axis="x", color="#e2e8f0", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.08), ncols=2, frameon=False)
