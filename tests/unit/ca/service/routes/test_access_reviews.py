"""The routes of reviews."""

from datetime import timedelta

import pytest

from pgward.ca.resources import stored as resources
from pgward.core.clock import rfc3339
from tests.fixtures.access_world import SERVICE

ROUTE = "/v1/access/reviews"


@pytest.fixture
def shop(access):
    """A service that lets Ann and engineers in."""
    allow = {"users": ["ann"], "groups": ["engineers"]}
    access.put("Service", "shop", SERVICE | {"allow": allow})
    return access


@pytest.fixture
def begun(shop, who):
    """A review of it."""
    answer = who("adam").call("POST", ROUTE, {"name": "q4", "paths": ["allow"]})
    assert answer.status_code == 201, answer.text
    return shop


def events(who, action):
    answer = who("adam").call("GET", f"/v1/audit?action={action}").json()
    found = ("actor", "target", "outcome")
    return [tuple(each[name] for name in found) for each in answer["events"]]


def test_a_review_from_its_beginning_to_its_end(begun, who):
    olga, now = who("olga"), begun.clock.now()
    (shown,) = olga.call("GET", ROUTE).json()["reviews"]
    assert shown == {
        "name": "q4",
        "state": "open",
        "overdue": False,
        "filters": {"paths": ["allow"]},
        "started_at": rfc3339(now),
        "started_by": "adam",
        "due_at": rfc3339(now + timedelta(days=14)),
        "closed_at": None,
        "closed_by": None,
        "counts": {"open": 2, "confirmed": 0, "ended": 0, "noted": 0, "gone": 0},
        "yours": 2,
    }
    kept = olga.call("POST", f"{ROUTE}/q4/confirm", {"items": [1], "reason": "on call"})
    ended = olga.call("POST", f"{ROUTE}/q4/end", {"items": [2]}).json()
    assert kept.json()["items"][0]["state"] == "confirmed"
    assert ended["items"][0] == {
        "number": 2,
        "path": "allow",
        "user": None,
        "group": "engineers",
        "members": 3,
        "service": "shop",
        "integration": "shop-db",
        "hosts": [],
        "role": None,
        "by": "Service/shop",
        "since": rfc3339(now),
        "until": None,
        "last_used": None,
        "unused": False,
        "blocked": False,
        "flagged": None,
        "state": "ended",
        "decided_at": rfc3339(now),
        "decided_by": "olga",
        "reason": "",
        "obstacle": None,
        "reviewers": ["group team-shop", "olga"],
        "mine": False,
    }
    with begun.store.read() as connection:
        allow = resources.get(connection, "Service", "shop").spec["allow"]
    assert allow == {"users": ["ann"], "groups": []}
    closed = who("adam").call("POST", f"{ROUTE}/q4/close", {}).json()["review"]
    assert (closed["state"], closed["closed_by"], closed["yours"]) == ("closed", "adam", 0)
    assert events(who, "review.*") == [
        ("adam", "q4", "ok"),
        ("olga", "q4/1", "ok"),
        ("olga", "q4/2", "ok"),
        ("adam", "q4", "ok"),
    ]


def test_an_overdue_one_is_shown_as_such(begun, who):
    begun.clock.move(days=15)
    review = who("olga").call("GET", f"{ROUTE}/q4").json()["review"]
    assert (review["overdue"], review["yours"]) == (True, 2)


@pytest.mark.usefixtures("begun")
def test_one_that_cannot_be_decided_stops_all(who):
    answer = who("olga").call("POST", f"{ROUTE}/q4/confirm", {"items": [1, 7]})
    assert answer.status_code == 404
    listed = who("adam").call("GET", f"{ROUTE}/q4").json()
    assert listed["review"]["counts"]["open"] == 2
    assert events(who, "review.confirm") == [("olga", "q4", "failed")]


@pytest.mark.usefixtures("begun")
def test_saying_it_again_is_on_record_once(who):
    for _ in range(2):
        who("olga").call("POST", f"{ROUTE}/q4/confirm", {"items": [1, 1]})
    assert events(who, "review.confirm") == [("olga", "q4/1", "ok")]


@pytest.mark.usefixtures("begun")
def test_not_ones_own(who):
    answer = who("adam").call("POST", f"{ROUTE}/q4/end", {"items": [1]})
    assert answer.status_code == 200
    for name in ("ann", "dora"):
        assert who(name).call("GET", f"{ROUTE}/q4").status_code == 404
        assert who(name).call("GET", f"{ROUTE}/q4/items").status_code == 404
        assert who(name).call("POST", f"{ROUTE}/q4/end", {"items": [1]}).status_code == 404
        assert who(name).call("GET", ROUTE).json() == {"reviews": []}


@pytest.mark.usefixtures("begun")
def test_pages_of_rights(who):
    olga = who("olga")
    first = olga.call("GET", f"{ROUTE}/q4/items?limit=1&mine=true").json()
    assert ([each["number"] for each in first["items"]], first["after"]) == ([1], 1)
    second = olga.call("GET", f"{ROUTE}/q4/items?after=1&state=open").json()
    assert ([each["number"] for each in second["items"]], second["after"]) == ([2], None)


@pytest.mark.usefixtures("shop")
def test_only_administrators_begin_and_close(who):
    assert who("olga").call("POST", ROUTE, {"name": "q4"}).status_code == 403
    assert who("olga").call("POST", f"{ROUTE}/q4/close", {}).status_code == 403
    assert who("adam").call("POST", f"{ROUTE}/q4/close", {}).status_code == 404
    answer = who("adam").call("POST", ROUTE, {"name": "a b"})
    assert answer.status_code == 422


@pytest.mark.usefixtures("shop")
def test_administrators_review_each_other(who):
    body = {"name": "admins", "paths": ["administrator"]}
    answer = who("adam").call("POST", ROUTE, body).json()
    assert (answer["unreviewable"], answer["review"]["counts"]["open"]) == (0, 2)
    assert answer["review"]["yours"] == 1
