import struct
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.records.moments import date, interval, time, timestamp, timetz

EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - PostgreSQL's timestamps have no zone either


@given(st.dates())
def test_dates_are_those_of_the_calendar(day):
    assert date(struct.pack("!i", (day - EPOCH.date()).days)) == day.isoformat()


@given(st.datetimes())
def test_timestamps_are_those_of_the_calendar(moment):
    micro = (moment - EPOCH) // timedelta(microseconds=1)
    text = moment.isoformat(" ", "microseconds")
    assert timestamp(struct.pack("!q", micro)) == text.rstrip("0").rstrip(".") or (
        text.endswith(".000000") and timestamp(struct.pack("!q", micro)) == text[:-7]
    )


def test_times_of_day():
    assert time(struct.pack("!q", 86_400_000_000)) == "24:00:00"
    assert timetz(struct.pack("!qi", 3_600_000_000, 27_000)) == "01:00:00-07:30"


def test_intervals_keep_their_signs():
    assert interval(struct.pack("!qii", 3_600_000_000, -1, 0)) == "-1 days +01:00:00"
    assert interval(struct.pack("!qii", 0, 0, -13)) == "-1 years -1 mons"
    assert interval(struct.pack("!qii", 2**63 - 1, 2**31 - 1, 2**31 - 1)) == "infinity"
