from datetime import timedelta

import click
import pytest

from pgward.system.durations import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), (" 12h", 43200), ("7d", 604800)]
)
def test_durations(text, seconds):
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


def test_a_duration_stays_one():
    assert Duration().convert(timedelta(1), None, None) == timedelta(1)


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1.5h", "0s", "1w", "1h30m"])
def test_what_is_no_duration(text):
    with pytest.raises(click.BadParameter, match="is no duration: write 90s, 30m, 12h or 7d"):
        Duration().convert(text, None, None)
