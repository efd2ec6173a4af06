import pytest

from bench.samples import Metric, Samples
from bench.targets import TARGETS, Target, verdicts

TPS = Metric("pgbench.simple.8", "pgbench -S, simple, 8 clients", "tps", "more")


def judged(ours, theirs):
    samples = Samples()
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        samples.add(TPS, "pgward", number, mine)
        samples.add(TPS, "haproxy", number, other)
    (verdict,) = verdicts(samples)
    return verdict


@pytest.mark.parametrize(
    ("ours", "word"),
    [
        ([100.0, 101.0, 102.0], "met"),
        ([90.0, 91.0, 92.0], "**not met**"),
        ([90.0, 101.0, 110.0], "met, within the spread"),
        ([90.0, 99.0, 110.0], "**not met**, within the spread"),
    ],
)
def test_the_median_decides_and_the_quartiles_tell_how_sure(ours, word):
    assert judged(ours, [100.0] * 3).word == word


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("m", "haproxy", least=1.25), 1.25, True),
        (Target("m", "haproxy", least=1.25), 1.24, False),
        (Target("m", "haproxy", most=1.0), 1.0, True),
        (Target("m", "haproxy", most=1.0), 1.01, False),
    ],
)
def test_bounds_are_inclusive(target, value, met):
    assert target.met(value) is met


def test_a_bound_says_its_direction():
    assert Target("m", "haproxy", least=1.5).bound == "at least 1.5"
    assert Target("m", "haproxy", most=1.0).bound == "at most 1"


def test_every_target_has_exactly_one_bound():
    assert all((target.least is None) != (target.most is None) for target in TARGETS)


def test_what_was_not_measured_is_not_judged():
    assert verdicts(Samples()) == []
