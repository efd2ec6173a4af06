"""What is measured: metrics, samples, and the ratios between two peers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from bench.stats import Summary, summarize

Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that every peer gives: ``key`` is dotted, ``better`` says which way is good."""

    key: str
    title: str
    unit: str
    better: Better


@dataclass(frozen=True, slots=True)
class Sample:
    """The value of one metric for one peer in one round."""

    metric: str
    peer: str
    round: int
    value: float


@dataclass(slots=True)
class Samples:
    """All samples of a run, with the metrics they belong to, in the order they came."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    rows: list[Sample] = field(default_factory=list)

    def add(self, metric: Metric, peer: str, round_: int, value: float) -> None:
        self.metrics.setdefault(metric.key, metric)
        self.rows.append(Sample(metric.key, peer, round_, value))

    def by_round(self, metric: str, peer: str) -> dict[int, float]:
        return {
            row.round: row.value for row in self.rows if (row.metric, row.peer) == (metric, peer)
        }

    def peers(self, metric: str) -> list[str]:
        return list(dict.fromkeys(row.peer for row in self.rows if row.metric == metric))

    def summary(self, metric: str, peer: str) -> Summary | None:
        return summarize(self.by_round(metric, peer).values())

    def ratio(self, metric: str, peer: str, base: str) -> Summary | None:
        """Summarize the ratios ``peer / base`` of the rounds that both took part in."""
        ours, theirs = self.by_round(metric, peer), self.by_round(metric, base)
        return summarize(_ratios(ours, theirs))

    def strongest(self, metric: str, base: str) -> str:
        """Return the best, by its median, of ``base`` and its variants ``base-…``.

        Whoever runs that peer would choose the better configuration, so we compare with it.
        """
        sign = 1 if metric in self.metrics and self.metrics[metric].better == "less" else -1
        medians = {
            peer: sign * found.median
            for peer in self.peers(metric)
            if (peer == base or peer.startswith(f"{base}-"))
            and (found := self.summary(metric, peer))
        }
        return min(medians, key=medians.__getitem__, default=base)

    def family(self, prefix: str) -> Iterator[Metric]:
        """Yield the metrics whose key is ``prefix`` or starts with ``prefix.``."""
        for key, metric in self.metrics.items():
            if key == prefix or key.startswith(f"{prefix}."):
                yield metric


def _ratios(ours: dict[int, float], theirs: dict[int, float]) -> Iterable[float]:
    return [ours[number] / theirs[number] for number in ours if theirs.get(number)]
