from datetime import UTC, datetime, timedelta, timezone

import pytest

from pgward.core.clock import SystemClock, parse_rfc3339, rfc3339


def test_times_are_written_in_utc_with_whole_seconds():
    moment = datetime(2026, 3, 4, 1, 2, 3, 999_999, tzinfo=timezone(timedelta(hours=-5)))
    assert rfc3339(moment) == "2026-03-04T06:02:03Z"


def test_what_is_written_is_read_back():
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert parse_rfc3339(rfc3339(moment)) == moment


@pytest.mark.parametrize("text", ["", "2026-03-04", "2026-03-04T05:06:07", "now"])
def test_a_time_without_a_zone_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is datetime's own
        parse_rfc3339(text)


def test_the_systems_clock_knows_its_zone():
    assert SystemClock().now().utcoffset() == timedelta(0)
