from datetime import timedelta

import sqlalchemy as sa

from pgward.ca.notices import listing
from pgward.ca.notices.notice import Kind
from pgward.ca.notices.queueing import queue
from pgward.ca.store.schema_notices import notice_deliveries, notices
from tests.fixtures.notices import NOW, facts


def fill(store, *states):
    with store.write() as transaction:
        queue(transaction, Kind.DENIED, "r7k2", ["ana"], facts(), now=NOW)
        notice_id = transaction.execute(sa.select(notices.c.id)).scalar_one()
        for number, state in enumerate(states):
            row = {
                "id": f"{number}",
                "notice_id": notice_id,
                "channel": "email",
                "recipient": f"p{number}",
                "state": state,
                "attempts": 3,
                "next_at": NOW,
                "ended_at": NOW,
                "problem": "why" if state == "dead" else None,
            }
            transaction.execute(sa.insert(notice_deliveries), row)


def test_deliveries_are_listed_by_state(store):
    fill(store, "sent", "dead", "waiting", "dropped")
    with store.read() as connection:
        unsent = listing.deliveries(connection, listing.UNSENT)
        everything = listing.deliveries(connection)
        assert len(listing.deliveries(connection, most=1)) == 1
    assert [each["state"] for each in unsent] == ["dead", "waiting"]
    assert len(everything) == 4
    assert unsent[0] == {
        "id": "1",
        "time": NOW,
        "kind": "denied",
        "request": "r7k2",
        "channel": "email",
        "recipient": "p1",
        "state": "dead",
        "attempts": 3,
        "next_at": NOW,
        "problem": "why",
    }


def test_what_was_given_up_is_sent_again(store):
    fill(store, "sent", "dead", "dropped")
    later = NOW + timedelta(days=3)
    with store.write() as transaction:
        assert listing.retry(transaction, later) == 1
        assert listing.retry(transaction, later) == 0
    with store.read() as connection:
        (one,) = listing.deliveries(connection, ["waiting"])
    assert (one["recipient"], one["attempts"], one["next_at"]) == ("p1", 0, later)
