import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.charts import scale


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (99, [0, 50, 100]),
        (130, [0, 50, 100, 150]),
        (4_100, [0, 2_000, 4_000, 6_000]),
    ],
)
def test_an_axis_has_few_round_numbers(highest, expected):
    assert scale.ticks(highest) == expected


@given(st.integers(0, 10**15))
def test_an_axis_reaches_the_highest_number(highest):
    found = scale.ticks(highest)
    assert found[0] == 0
    assert found[-2] < max(highest, 1) <= found[-1]
    assert 2 <= len(found) <= 5
    assert {b - a for a, b in itertools.pairwise(found)} == {found[1]}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_000, "1k"), (1_250, "1.25k"), (20_000, "20k"), (3 * 10**9, "3G")],
)
def test_numbers_are_written_short(number, text):
    assert scale.short(number) == text
