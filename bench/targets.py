"""What pgward promises against its peers, and whether a run kept it."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.samples import Samples
from bench.stats import Summary

OURS = "pgward"


@dataclass(frozen=True, slots=True)
class Target:
    """The ratio of ``metric`` to ``base`` must be at least ``least``, or at most ``most``.

    Of several configurations of ``base`` the one that is best at the metric counts.
    """

    metric: str
    base: str
    least: float | None = None
    most: float | None = None
    ours: str = OURS

    def met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @property
    def bound(self) -> str:
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"


def _targets() -> Iterator[Target]:
    for mode in ("simple", "prepared"):
        for clients in (8, 100):
            yield Target(f"pgbench.{mode}.{clients}", "haproxy", least=1.0)
            yield Target(f"pgbench.{mode}.{clients}", "stunnel", least=1.25)
    for way in ("out", "in"):
        yield Target(f"copy.{way}", "haproxy", least=1.0)
        yield Target(f"copy.{way}", "stunnel", least=1.25)
    yield Target("connect.8", "haproxy", least=1.0)
    yield Target("delay.rate", "haproxy", least=1.5)
    # "No round trip more than a direct connection": a tenth of one is the timers' tolerance.
    yield Target("delay.trips", "direct", most=1.03)
    for hop in ("client", "edge"):
        yield Target(f"cpu.{hop}", "haproxy", most=1.0)
    yield Target("memory.both", "haproxy", most=1.0)
    for mode in ("simple", "prepared"):
        yield Target(f"aware.{mode}", "edge-tcp", least=0.85, ours="edge-aware")
        yield Target(f"aware.{mode}", "pgbouncer", least=1.0, ours="edge-aware-tls")
    yield Target("aware.copy", "edge-tcp", least=0.9, ours="edge-aware")


TARGETS = tuple(_targets())


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a target fared: by its median; ``sure`` when both quartiles say the same."""

    target: Target
    title: str
    base: str
    ratio: Summary

    @property
    def met(self) -> bool:
        return self.target.met(self.ratio.median)

    @property
    def sure(self) -> bool:
        quartiles = (self.ratio.first_quartile, self.ratio.third_quartile)
        return all(self.target.met(value) == self.met for value in quartiles)

    @property
    def word(self) -> str:
        return ("met" if self.met else "**not met**") + ("" if self.sure else ", within the spread")


def verdicts(samples: Samples) -> list[Verdict]:
    """Judge every target that the run has samples for."""
    found = []
    for target in TARGETS:
        base = samples.strongest(target.metric, target.base)
        ratio = samples.ratio(target.metric, target.ours, base)
        if ratio is not None:
            found.append(Verdict(target, samples.metrics[target.metric].title, base, ratio))
    return found
