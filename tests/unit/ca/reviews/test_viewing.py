"""Who sees what of a review."""

import pytest

from pgward.ca.identity import directory
from pgward.ca.reviews.viewing import Viewer
from pgward.core.errors import NotFoundError


@pytest.fixture
def view(aware, campaign):
    """Look at the review as somebody does."""
    campaign.start(paths=("allow", "administrator"))

    def view(name, look):
        with aware.store.read() as connection:
            viewer = Viewer(connection, directory.get(connection, name), aware.clock.now())
            return look(viewer)

    return view


def listed(states=(), after=0, limit=10, *, mine=False):
    def look(viewer):
        found, following = viewer.items(
            viewer.one("q4"), states=states, mine=mine, after=after, limit=limit
        )
        return [(each.item.number, each.item.state, each.mine) for each in found], following

    return look


def test_owners_see_what_they_review(view):
    assert view("olga", listed()) == ([(1, "open", True), (2, "open", True)], None)
    assert view("olga", lambda viewer: [yours for _, yours in viewer.reviews()]) == [2]


def test_others_see_nothing(view):
    assert view("dora", lambda viewer: viewer.reviews()) == []
    with pytest.raises(NotFoundError, match="there is no review 'q4' for you"):
        view("dora", listed())


def test_administrators_and_auditors_see_all(aware, view):
    aware.add("otto", "auditors")
    numbers = [(1, "open", True), (2, "open", True), (3, "open", False)]
    assert view("adam", listed()) == (numbers, None)
    assert view("adam", listed(mine=True)) == (numbers[:2], None)
    assert view("otto", listed()) == ([(*each[:2], False) for each in numbers], None)
    assert view("otto", lambda viewer: [yours for _, yours in viewer.reviews()]) == [0]


def test_pages(view):
    assert view("adam", listed(limit=2)) == ([(1, "open", True), (2, "open", True)], 2)
    assert view("adam", listed(limit=2, after=2)) == ([(3, "open", False)], None)


def test_what_is_gone_is_seen_before_it_is_written(aware, view, campaign):
    aware.put("Service", "shop", campaign.spec("Service", "shop") | {"allow": {"users": ["Ann"]}})
    assert view("olga", listed(["gone"])) == ([(2, "gone", False)], None)
    assert view("olga", listed(["open"])) == ([(1, "open", True)], None)
    assert view("adam", lambda viewer: viewer.counts(viewer.one("q4"))) == {
        "open": 2,
        "confirmed": 0,
        "ended": 0,
        "noted": 0,
        "gone": 1,
    }
    campaign.close()
    assert view("adam", lambda viewer: viewer.counts(viewer.one("q4")))["gone"] == 1
    assert view("olga", listed(["open"])) == ([(1, "open", False)], None)
    assert view("olga", lambda viewer: viewer.yours(viewer.one("q4"))) == 0
    assert view("olga", lambda viewer: viewer.reviews()) == []
    assert view("adam", lambda viewer: len(viewer.reviews())) == 1


def test_who_reviews(view):
    def look(viewer):
        found, _ = viewer.items(viewer.one("q4"), states=(), mine=False, after=0, limit=10)
        return [each.reviewers for each in found]

    assert view("adam", look) == [
        ["group team-shop", "olga"],
        ["group team-shop", "olga"],
        ["group administrators"],
    ]
    assert view("adam", lambda viewer: viewer.unreviewable(viewer.one("q4"))) == 1
