"""Telling reviewers, and telling them again."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.reviews import campaigns, reminding
from pgward.ca.reviews.campaigns import Review
from pgward.ca.store.schema_notices import notices

BEGUN = datetime(2026, 11, 1, tzinfo=UTC)


def review(days=14, **more):
    return Review("q4", {}, "open", BEGUN, "adam", BEGUN + timedelta(days=days), **more)


def when(days, last=None, length=14):
    reminded = None if last is None else BEGUN + timedelta(days=last)
    return reminding.is_due(review(length, reminded_at=reminded), BEGUN + timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "last", "due"),
    [
        (10, None, False),
        (11, None, True),
        (12, 11, False),
        (14, 11, True),
        (14.5, 14, False),
        (15, 14, True),
        (44.1, 43, False),
    ],
)
def test_reminders(days, last, due):
    assert when(days, last) is due


def test_a_short_review_reminds_nobody_at_its_beginning():
    assert [when(each, length=1) for each in (0, 0.4, 0.6, 1)] == [False, False, True, True]


def test_a_closed_review_reminds_nobody():
    closed = Review("q4", {}, "closed", BEGUN, "adam", BEGUN)
    assert not reminding.is_due(closed, BEGUN + timedelta(days=1))


@pytest.fixture
def turn(access):
    def turn():
        reminding.turn(access.store, access.clock.now(), write=access.store.write)
        with access.store.read() as connection:
            return [
                (each.kind, each.recipients, Facts.read(each.facts))
                for each in connection.execute(sa.select(notices).order_by(notices.c.created_at))
            ]

    return turn


def test_those_with_something_to_say_are_reminded(aware, campaign, turn):
    campaign.start(paths=("allow", "administrator"))
    assert turn() == []
    aware.clock.move(days=12)
    ((kind, recipients, facts),) = turn()
    assert (kind, recipients) == (Kind.REVIEW_DUE, ["olga", "tess"])
    assert (facts.service, facts.person, facts.asked_for) == (
        "q4",
        "adam",
        ("3 rights to look at",),
    )
    assert len(turn()) == 1
    aware.clock.move(days=3)
    assert len(turn()) == 2
    campaign.decide("olga", "confirm", 1)
    campaign.decide("olga", "confirm", 2)
    aware.clock.move(days=1)
    assert turn()[-1][1] == []  # nobody may review the only administrator's right


def test_what_is_gone_is_written_down(aware, campaign, turn):
    campaign.start(paths=("allow",))
    aware.delete("Service", "shop")
    assert turn() == []
    assert [each.state for each in campaign.items()] == ["gone", "gone"]
    aware.clock.move(days=12)
    assert turn() == []
    with aware.store.read() as connection:
        assert campaigns.get(connection, "q4").reminded_at == aware.clock.now()


def test_a_closed_review_takes_its_messages_back(aware, campaign, turn):
    campaign.start(paths=("allow",))
    aware.clock.move(days=12)
    assert len(turn()) == 1
    campaign.close()
    assert turn() == []
