from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.phrases import ago, counted, duration, when


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (59.6, "1 minute"),
        (61, "1 minute 1 second"),
        (3540, "59 minutes"),
        (3500, "58 minutes 20 seconds"),
        (3599, "1 hour"),
        (3600, "1 hour"),
        (43199, "12 hours"),
        (43200 + 1800, "12 hours 30 minutes"),
        (86400 * 30 - 20, "30 days"),
        (86400 + 3600, "1 day 1 hour"),
    ],
)
def test_durations(seconds, text):
    assert duration(timedelta(seconds=seconds)) == text


def test_relative_times():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert (when(now + hour, now), when(now - hour, now)) == ("in 1 hour", "1 hour ago")
    assert ago(hour) == "1 hour ago"


def test_numbers():
    assert [counted(n, "list") for n in (0, 1, 2)] == ["0 lists", "1 list", "2 lists"]
