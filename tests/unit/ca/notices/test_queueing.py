from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.notices.queueing import MOST_RECIPIENTS, queue, withdraw
from pgward.ca.store.schema_notices import notice_deliveries, notices

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FACTS = Facts(
    person="ana",
    service="shop",
    seconds=7200,
    until=NOW + 2 * HOUR,
    lapses_at=NOW + 24 * HOUR,
    remind_seconds=3600,
)


def tell(store, *kinds, now=NOW, recipients=("bob",), request="r1"):
    with store.write() as transaction:
        for kind in kinds:
            queue(transaction, kind, request, recipients, FACTS, now=now)


def kept(store):
    with store.read() as connection:
        rows = connection.execute(sa.select(notices).order_by(notices.c.due_at, notices.c.kind))
        return [(row.kind, row.recipients, row.due_at) for row in rows]


def test_a_request_is_told_now_and_again_later(store):
    tell(store, Kind.ASKED, recipients=["bob", "amy", "bob"])
    assert kept(store) == [
        ("asked", ["amy", "bob"], NOW),
        ("reminder", ["amy", "bob"], NOW + HOUR),
    ]


@pytest.mark.parametrize("kind", [Kind.DENIED, Kind.LAPSED, Kind.CANCELLED])
def test_an_answer_takes_the_question_back(store, kind):
    tell(store, Kind.ASKED)
    tell(store, Kind.ASKED, request="r2")
    tell(store, kind, now=NOW + HOUR / 2)
    kinds = [each[0] for each in kept(store)]
    assert sorted(kinds) == sorted(["asked", "reminder", kind.value])


def test_the_person_hears_of_the_end_when_access_was_given(store):
    tell(store, Kind.ASKED)
    tell(store, Kind.APPROVED, recipients=["ana"])
    soon = NOW + 2 * HOUR - timedelta(minutes=10)
    assert kept(store) == [("approved", ["ana"], NOW), ("ends_soon", ["ana"], soon)]
    tell(store, Kind.ENDED, recipients=["ana"])
    assert [each[0] for each in kept(store)] == ["approved", "ended"]


def test_a_break_glass_waits_to_be_acknowledged_after_its_end(store):
    tell(store, Kind.BREAK_GLASS)
    tell(store, Kind.ENDED)
    assert "unacknowledged" in [each[0] for each in kept(store)]
    tell(store, Kind.ACKNOWLEDGED)
    assert sorted(each[0] for each in kept(store)) == ["acknowledged", "ended"]


def test_what_was_divided_and_not_sent_is_dropped(store):
    tell(store, Kind.ASKED)
    with store.write() as transaction:
        found = transaction.execute(sa.select(notices.c.id).where(notices.c.kind == "asked"))
        notice_id = found.scalar_one()
        transaction.execute(sa.update(notices).values(taken_at=NOW))
        for number, state in enumerate(("waiting", "sent")):
            row = {
                "id": str(number),
                "notice_id": notice_id,
                "channel": "email",
                "recipient": "bob",
                "state": state,
                "attempts": 0,
                "next_at": NOW,
            }
            transaction.execute(sa.insert(notice_deliveries), row)
        withdraw(transaction, "r1", [Kind.ASKED], now=NOW)
    with store.read() as connection:
        by_id = sa.select(notice_deliveries.c.state).order_by(notice_deliveries.c.id)
        assert connection.execute(by_id).scalars().all() == ["dropped", "sent"]


def test_nothing_is_told_of_what_did_not_happen(store):
    with store.write() as transaction:
        queue(transaction, Kind.ASKED, "r1", ["bob"], FACTS, now=NOW)
        transaction.discard()
    assert kept(store) == []


def test_a_huge_group_is_told_in_part(store):
    tell(store, Kind.DENIED, recipients=[f"p{number}" for number in range(600)])
    assert len(kept(store)[0][1]) == MOST_RECIPIENTS


def test_with_nobody_to_tell_the_channels_are(store):
    tell(store, Kind.DENIED, recipients=[])
    assert kept(store) == [("denied", [], NOW)]
