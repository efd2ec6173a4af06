"""What reviewers say, who may, and what becomes of it."""

import pytest

from pgward.ca.identity import directory
from pgward.ca.reviews import campaigns, deciding
from pgward.core.errors import ConflictError, DeniedError, NotFoundError
from tests.fixtures.access_world import INTEGRATION


@pytest.fixture
def allow(aware, campaign):
    """The two standing rights of the shop: Ann's, and the engineers'."""
    assert aware.store is campaign.access.store
    campaign.start(paths=("allow",))
    return campaign


def states(campaign):
    return [each.state for each in campaign.items()]


def test_an_owner_confirms_a_right(allow, access):
    found = allow.decide("olga", "confirm", 1, "still needed")
    assert (found.state, found.decided_by, found.note) == ("confirmed", "olga", "still needed")
    assert found.decided_at == access.clock.now()
    assert allow.spec("Service", "shop")["allow"] == {"users": ["Ann"], "groups": ["engineers"]}


def test_an_owner_ends_a_right(allow):
    assert allow.decide("tess", "end", 1, "left").state == "ended"
    assert allow.spec("Service", "shop")["allow"] == {"users": [], "groups": ["engineers"]}


def test_nobody_reviews_their_own_right(allow, access):
    access.put("Integration", "shop-db", INTEGRATION | {"owner": {"users": ["ann", "sam"]}})
    for who, number in (("ann", 1), ("sam", 2), ("ann", 2)):
        for verb in ("confirm", "end"):
            with pytest.raises(DeniedError, match="your own, which others review"):
                allow.decide(who, verb, number)
    assert allow.decide("sam", "confirm", 1).state == "confirmed"


def test_others_may_not(allow):
    with pytest.raises(DeniedError, match="right 1 is not yours to review"):
        allow.decide("bea", "end", 1)
    with pytest.raises(NotFoundError, match="has no right 9"):
        allow.decide("olga", "end", 9)


def test_an_owner_of_now_decides(allow, access):
    access.put("Integration", "shop-db", INTEGRATION | {"owner": {"users": ["bea"]}})
    assert allow.decide("bea", "confirm", 1).state == "confirmed"
    with pytest.raises(DeniedError):
        allow.decide("olga", "end", 1)


@pytest.mark.parametrize("first", ["confirm", "end"])
def test_of_two_reviewers_at_once_whoever_ends_wins(allow, first):
    verbs = ["confirm", "end"] if first == "confirm" else ["end", "confirm"]
    allow.decide("olga", verbs[0], 1)
    if first == "end":
        with pytest.raises(ConflictError, match="right 1 was ended by olga"):
            allow.decide("tess", "confirm", 1)
    else:
        allow.decide("tess", "end", 1)
    assert states(allow) == ["ended", "open"]


def test_saying_it_again_changes_nothing(allow):
    for verb in ("confirm", "end"):
        first = allow.decide("olga", verb, 1, "first")
        assert allow.decide("tess", verb, 1, "again") == first


def test_what_vanished_meanwhile_is_gone(allow, access):
    access.put("Service", "shop", allow.spec("Service", "shop") | {"allow": {"users": ["sam"]}})
    assert allow.decide("olga", "confirm", 1).state == "gone"
    with access.store.read() as connection:
        assert [(each.number, state) for each, state in deciding.look_again(connection, "q4")] == [
            (2, "gone")
        ]
    assert allow.close().state == "closed"
    assert states(allow) == ["gone", "gone"]
    assert allow.spec("Service", "shop")["allow"]["users"] == ["sam"]


def test_what_came_after_the_beginning_is_not_in_it(allow, access):
    spec = allow.spec("Service", "shop")
    access.put("Service", "shop", spec | {"allow": spec["allow"] | {"users": ["Ann", "sam"]}})
    assert [each.user_name for each in allow.items()] == ["ann", None]


def test_a_closed_review_is_as_it_was(allow):
    allow.decide("olga", "confirm", 1)
    assert allow.close().closed_by == "adam"
    assert states(allow) == ["confirmed", "open"]
    for what in (lambda: allow.decide("olga", "end", 2), allow.close):
        with pytest.raises(ConflictError, match="is closed"):
            what()


def test_a_name_is_taken_once(allow):
    with pytest.raises(ConflictError, match="there is a review 'q4' already"):
        allow.start(paths=("allow",))


@pytest.mark.usefixtures("aware")
def test_what_was_noted_is_ended_once_it_is_gone(campaign, access):
    campaign.start(service="shop", people=True, paths=("allow",))
    number = campaign.number(user_name="sam", group_name="engineers")
    found = campaign.decide("olga", "end", number)
    assert (found.state, found.obstacle) == (
        "noted",
        "sam is in engineers, which may give more: an administrator has to end it",
    )
    assert campaign.decide("olga", "end", number) == found
    with pytest.raises(ConflictError, match="was ended by olga"):
        campaign.decide("adam", "confirm", number)
    assert campaign.decide("adam", "end", number).state == "ended"
    with access.store.read() as connection:
        assert directory.get(connection, "sam").groups == ("sre",)
        assert campaigns.counts(connection, "q4")["ended"] == 1
