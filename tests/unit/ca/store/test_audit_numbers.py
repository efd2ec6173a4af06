from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca.store import audit_numbers
from pgward.ca.store.audit_numbers import Numbers, Tally
from pgward.ca.store.schema_archive import database_sessions
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)
NOON = audit_numbers.beginning(START, "hour")


def happened(store, *given):
    with store.write() as transaction:
        for action, outcome, when in given:
            transaction.record(
                AuditEvent.make(time=START + when, actor="a", action=action, outcome=outcome)
            )


def session(store, number, when, **counts):
    row = {"statements": 1, "errors": 0, "denied": 0} | counts
    with store.write() as transaction:
        transaction.execute(
            sa.insert(database_sessions).values(
                edge="e1",
                id=f"s{number}",
                started_at=START + when,
                received_at=START,
                row_count=0,
                **row,
            )
        )


def count(store, *given):
    with store.read() as connection:
        return audit_numbers.count(connection, *given)


def test_what_happened_is_counted_by_hours(store):
    happened(
        store,
        ("session.start", "ok", timedelta(minutes=59)),
        ("session.start", "denied", timedelta(0)),
        ("session.start", "failed", timedelta(0)),
        ("session.start", "ok", HOUR),
        ("user.add", "ok", HOUR),
        ("user.add", "denied", HOUR),
        ("session.start", "ok", 2 * HOUR),
        ("session.start", "ok", -HOUR),
    )
    session(store, 1, HOUR, statements=5, errors=2, denied=1)
    session(store, 2, HOUR)
    session(store, 3, 2 * HOUR)
    assert count(store, NOON, 2, "hour") == {
        NOON: Numbers(logins=1, failed_logins=2, denials=1),
        NOON + HOUR: Numbers(logins=1, sessions=2, statements=6, errors=2, denials=2),
    }


def test_what_happened_is_counted_by_days(store):
    happened(
        store,
        ("session.start", "ok", timedelta(days=-1)),
        ("session.start", "ok", timedelta(0)),
        ("session.start", "ok", HOUR),
    )
    today = audit_numbers.beginning(START, "day")
    yesterday = today - timedelta(days=1)
    assert count(store, yesterday, 2, "day") == {
        yesterday: Numbers(logins=1),
        today: Numbers(logins=2),
    }


@pytest.mark.parametrize(("unit", "hour"), [("hour", 12), ("day", 0)])
def test_when_an_hour_or_a_day_begins(unit, hour):
    moment = START + timedelta(minutes=5, seconds=1, microseconds=1)
    expected = START.replace(hour=hour, minute=0, second=0, microsecond=0)
    assert audit_numbers.beginning(moment, unit) == expected


def test_what_was_long_ago_is_remembered_for_some_minutes():
    asked = []

    def read(first, number, unit):
        asked.append((first, number))
        size = audit_numbers.SIZES[unit]
        return {first + each * size: Numbers(logins=len(asked)) for each in range(number)}

    tally = Tally(read)

    def numbers(now):
        return [each.logins for each in tally.numbers(now, 4, "hour").values()]

    assert numbers(START) == [1, 1, 1, 1]
    assert numbers(START + timedelta(minutes=1)) == [1, 1, 2, 2]
    later = START + audit_numbers.KEPT + timedelta(minutes=2)
    assert numbers(later) == [3, 3, 3, 3]
    assert asked == [(NOON - 3 * HOUR, 4), (NOON - HOUR, 2), (NOON - 3 * HOUR, 4)]
    assert list(tally.numbers(START, 1, "day")) == [audit_numbers.beginning(START, "day")]
