"""Reviews in the store."""

import pytest

from pgward.ca.reviews import campaigns
from pgward.ca.reviews.campaigns import Item
from pgward.core.errors import NotFoundError


def test_a_right_is_read_back_as_it_was(access, campaign):
    granted = access.granted()
    (item,) = campaign.start(paths=("grant",))
    assert campaign.items() == [item]
    assert item == Item(
        review="q4",
        number=1,
        path="grant",
        resource_kind="AccessFlow",
        resource_name="oncall",
        user_name="ann",
        service="shop",
        integration="shop-db",
        hosts=[],
        role="ann",
        reference=granted.id,
        since=granted.granted_at,
        until=granted.ends_at,
    )


def test_what_there_is(access, campaign):
    campaign.start("first")
    access.clock.move(minutes=1)
    campaign.start("second", paths=("connector",))
    with access.store.read() as connection:
        assert [each.name for each in campaigns.every(connection)] == ["second", "first"]
        assert campaigns.every(connection, state="closed") == []
        assert campaigns.counts(connection, "second")["open"] == 1
        assert campaigns.item(connection, "second", 1).role == "pgward_connector"
        some = campaigns.items(connection, "first", states=["open"], after=1, most=2)
        assert [each.number for each in some] == [2, 3]


def test_what_there_is_not(access):
    with access.store.read() as connection:
        assert campaigns.find(connection, "q4") is None
        with pytest.raises(NotFoundError, match="there is no review 'q4' for you"):
            campaigns.get(connection, "q4")
