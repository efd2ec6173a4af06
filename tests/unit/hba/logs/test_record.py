from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pgward.hba.logs.record import INTERESTING, moment

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22 04:00:09.277 UTC", "2026-11-22T04:00:09.277+00:00"),
        ("2026-11-22 04:00:09 GMT", "2026-11-22T04:00:09+00:00"),
        ("2026-07-01 04:00:09.277 CEST", "2026-07-01T02:00:09.277+00:00"),
        ("2026-10-25 02:30:00 CEST", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25 02:30:00 CET", "2026-10-25T01:30:00+00:00"),
        ("2026-11-22 04:00:09 +03", "2026-11-22T01:00:09+00:00"),
        ("2026-11-22 04:00:09 -0330", "2026-11-22T07:30:09+00:00"),
    ],
)
def test_times_of_any_zone(text, expected):
    assert moment(text, BERLIN).astimezone(UTC) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-22 04:00:09 UTC", "2026-11-22 04:00:09", "2026-11-22 04:00:09 +99"]
)
def test_what_is_no_time(text):
    assert moment(text, UTC) is None


def test_statements_are_of_no_interest():
    assert not INTERESTING.search(b"LOG:  statement: alter role x password 'secret'")
    assert INTERESTING.search(b"LOG:  disconnection: session time: 0:00:00.004")
