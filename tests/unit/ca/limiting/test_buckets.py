import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.limiting.buckets import Buckets, Rate


def test_a_burst_goes_at_once_and_then_so_many_a_second():
    buckets = Buckets(Rate(2, 3))
    assert [buckets.take("a", 10.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    assert buckets.take("a", 10.5) == 0
    assert buckets.take("a", 10.5) == pytest.approx(0.5)


def test_what_is_refused_costs_nothing():
    buckets = Buckets(Rate(1, 1))
    buckets.take("a", 0)
    assert [buckets.take("a", 0.5) for _ in range(100)] == [pytest.approx(0.5)] * 100
    assert buckets.take("a", 1.0) == 0


def test_each_key_has_its_own():
    buckets = Buckets(Rate(1, 1))
    assert [buckets.take(key, 0) for key in "aba"] == [0, 0, pytest.approx(1)]


def test_looking_takes_nothing_and_what_happened_is_charged_anyway():
    buckets = Buckets(Rate(1, 2))
    assert {buckets.wait("a", 0) for _ in range(5)} == {0}
    for _ in range(50):
        buckets.charge("a", 0)
    assert buckets.wait("a", 0) == pytest.approx(1)  # and not fifty seconds
    assert buckets.wait("a", 1) == 0


def test_no_rate_is_no_limit_and_remembers_nothing():
    buckets = Buckets(Rate(0, 0))
    buckets.charge("a", 0)
    assert {buckets.take("a", 0) + buckets.wait("a", 0) for _ in range(1000)} == {0}
    assert len(buckets) == 0


def test_memory_is_bounded_and_whoever_asks_on_is_not_forgotten():
    buckets = Buckets(Rate(1, 1), most=10)
    for number in range(1000):
        buckets.take("busy", 0)
        buckets.charge("busy", 0)
        buckets.take(number, 0)
    assert len(buckets) == 10
    assert buckets.take("busy", 0) > 0


@given(
    st.lists(st.floats(0, 3), max_size=60),
    st.sampled_from([0.1, 1, 7, 200]),
    st.integers(1, 20),
)
def test_never_more_than_the_burst_and_the_rate(steps, rate, burst):
    buckets, now, times = Buckets(Rate(rate, burst)), 0.0, []
    for step in steps:
        now += step
        if buckets.take("a", now) == 0:
            times.append(now)
    for index, begin in enumerate(times):
        for count, end in enumerate(times[index:], 1):
            assert count <= burst + (end - begin) * rate + 1e-3


def test_who_waits_as_long_as_told_gets_in():
    buckets, now = Buckets(Rate(3, 5)), 0.0
    for _ in range(100):
        now += buckets.take("a", now)
        wait = buckets.take("a", now)
        assert wait == 0 or wait > 0.33
