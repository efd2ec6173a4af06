from datetime import UTC, datetime, timedelta

import pytest

from pgward.ca.notices.notice import Facts, Kind, end_notice, reminder
from pgward.core.errors import InvalidInputError

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def facts(**changes):
    asked = {
        "person": "ana",
        "service": "shop",
        "asked_for": ("bundle shop-reading",),
        "seconds": 7200,
        "reason": "TICKET-1",
    }
    return Facts(**{**asked, **changes})


def test_facts_are_read_back():
    full = facts(
        until=NOW,
        lapses_at=NOW + timedelta(hours=24),
        by="rule on-call",
        integration="shop-db",
        remind_seconds=3600,
    )
    assert Facts.read(full.to_json()) == full
    assert Facts.read(facts().to_json()) == facts()


def test_facts_of_a_newer_pgward_are_read_and_of_none_are_not():
    assert Facts.read({**facts().to_json(), "new": 1}) == facts()
    for broken in ({}, {**facts().to_json(), "until": "soon"}, {**facts().to_json(), "until": 7}):
        with pytest.raises(InvalidInputError):
            Facts.read(broken)


def test_approvers_are_reminded_until_the_request_lapses():
    asked = facts(remind_seconds=3600, lapses_at=NOW + timedelta(hours=2))
    then = NOW + timedelta(hours=1)
    assert reminder(Kind.ASKED, asked, NOW) == (Kind.REMINDER, then)
    assert reminder(Kind.REMINDER, asked, then) is None
    assert reminder(Kind.ASKED, facts(), NOW) is None
    assert reminder(Kind.APPROVED, asked, NOW) is None


def test_a_break_glass_is_remembered_without_an_end():
    taken = facts(remind_seconds=60, lapses_at=NOW)
    then = NOW + timedelta(seconds=60)
    assert reminder(Kind.BREAK_GLASS, taken, NOW) == (Kind.UNACKNOWLEDGED, then)
    assert reminder(Kind.UNACKNOWLEDGED, taken, NOW) == (Kind.UNACKNOWLEDGED, then)


@pytest.mark.parametrize(
    ("kind", "minutes", "expected"),
    [
        (Kind.APPROVED, 60, 50),
        (Kind.EXTENDED, 20, 10),
        (Kind.BREAK_GLASS, 60, 50),
        (Kind.APPROVED, 19, None),
        (Kind.ASKED, 60, None),
    ],
)
def test_a_person_hears_of_the_end_ahead(kind, minutes, expected):
    due = end_notice(kind, facts(until=NOW + timedelta(minutes=minutes)), NOW)
    assert due == (None if expected is None else NOW + timedelta(minutes=expected))
    assert end_notice(kind, facts(), NOW) is None
