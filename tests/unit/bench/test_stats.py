import pytest

from bench.stats import Summary, summarize


def test_nothing_has_no_summary():
    assert summarize([]) is None


def test_one_value_is_all_five_numbers():
    assert summarize([2.0]) == Summary(2.0, 2.0, 2.0, 2.0, 2.0, 1)


def test_order_does_not_matter_and_quartiles_interpolate():
    assert summarize([4.0, 1.0, 3.0, 2.0]) == Summary(2.5, 1.0, 1.75, 3.25, 4.0, 4)


@pytest.mark.parametrize("count", [2, 3, 7, 10])
def test_the_five_numbers_are_in_order(count):
    s = summarize(range(count))
    assert s is not None
    assert s.low <= s.first_quartile <= s.median <= s.third_quartile <= s.high
    assert s.count == count
