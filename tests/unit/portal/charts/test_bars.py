from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.charts import bars
from pgward.portal.charts.bars import HEIGHT, WIDTH, Label, Series, Spot

MOMENTS = ["09:00", "10:00", "11:00"]


def test_bars_stand_on_each_other_and_say_what_they_are():
    chart = bars.draw(
        "Logins",
        MOMENTS,
        [Series("logins", "plain", [4, 0, 2]), Series("refused", "bad", [0, 0, 2])],
    )
    assert chart.says == "6 logins, 2 refused. The most, 4, at 09:00."
    low, below, above = chart.bars
    assert (low.kind, below.kind, above.kind) == ("plain", "plain", "bad")
    assert low.height == below.height + above.height == chart.base - chart.top
    assert (below.x, below.y) == (above.x, above.y + above.height)
    assert [each.text for each in chart.lines] == ["0", "1", "2", "3", "4"]
    assert [each.text for each in chart.labels] == MOMENTS
    assert chart.spots == [
        Spot(36, 128, "09:00: 4 logins, 0 refused"),
        Spot(292, 128, "11:00: 2 logins, 2 refused"),
    ]


def test_a_chart_of_nothing_says_so():
    chart = bars.draw("Logins", MOMENTS, [Series("logins", "plain", [0, 0, 0])])
    assert (chart.says, chart.bars, chart.spots) == ("0 logins.", [], [])
    assert bars.draw("Logins", [], [Series("logins", "plain", [])]).labels == []


def test_few_of_many_moments_are_labelled():
    chart = bars.draw("x", [str(number) for number in range(30)], [Series("y", "plain", [1] * 30)])
    assert [each.text for each in chart.labels] == ["0", "6", "12", "18", "24"]
    assert chart.lines == [Label(36, 128, "0"), Label(36, 8, "1")]


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), max_size=40))
def test_nothing_is_drawn_outside(values):
    series = [Series(str(place), "plain", [each[place] for each in values]) for place in (0, 1)]
    chart = bars.draw("x", ["m"] * len(values), series)
    for each in chart.bars:
        assert 0 <= each.x <= each.x + each.width <= WIDTH
        assert chart.top - 0.2 <= each.y <= each.y + each.height <= chart.base + 0.2 <= HEIGHT
