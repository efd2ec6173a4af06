"""Which rights a review is about."""

import pytest

from pgward.ca.identity import directory
from pgward.ca.reviews import starting
from pgward.core.errors import ConflictError, NotFoundError


def what(items):
    return [(each.path, each.group_name or each.user_name) for each in items]


@pytest.mark.usefixtures("aware")
def test_all_of_the_report(campaign):
    found = campaign.start()
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert what(found) == [
        ("allow", "ann"),
        ("allow", "engineers"),
        ("break-glass", "sre"),
        ("flow", "engineers"),
        ("connector", None),
        ("administrator", "administrators"),
    ]
    assert found[-1].user_name == "adam"


@pytest.mark.usefixtures("aware")
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"paths": ("allow",)}, [("allow", "ann"), ("allow", "engineers")]),
        ({"group": "sre"}, [("break-glass", "sre")]),
        ({"user": "ann", "paths": ("allow",)}, [("allow", "ann"), ("allow", "engineers")]),
        ({"owner": "olga", "paths": ("connector", "administrator")}, [("connector", None)]),
        ({"owner": "team-shop", "paths": ("connector",)}, [("connector", None)]),
        ({"service": "shop", "paths": ("flow",)}, [("flow", "engineers")]),
    ],
)
def test_some(campaign, filters, found):
    assert what(campaign.start(**filters)) == found


def test_standing_rights_that_nobody_used(aware, used, campaign):
    aware.clock.move(days=60)
    used("sam")
    aware.clock.move(days=60)
    assert what(campaign.start("a", unused_days=90)) == [("allow", "ann")]
    found = campaign.start("b", unused_days=50)
    assert what(found) == [("allow", "ann"), ("allow", "engineers")]
    assert all(each.unused for each in found)


def test_people_who_are_blocked(aware, campaign):
    with aware.store.write() as transaction:
        directory.block(transaction, "ann", "left", now=aware.clock.now())
    assert [each.blocked for each in campaign.start(paths=("allow",))] == [True, False]


def test_a_group_that_only_its_members_could_review_is_one_by_one(access, campaign):
    service = {"upstream": {"host": "db"}, "allow": {"groups": ["team"], "users": ["ann"]}}
    access.put("Service", "other", service | {"labels": {"owner": "team"}})
    for name in ("adam", "tess"):
        with access.store.write() as transaction:
            directory.change_members(transaction, "team", add=[name])
    found = campaign.start(service="other")
    assert [(each.user_name, each.group_name) for each in found] == [
        ("ann", None),
        ("adam", "team"),
        ("tess", "team"),
    ]
    assert campaign.decide("tess", "confirm", 2).state == "confirmed"
    assert campaign.decide("adam", "confirm", 3).state == "confirmed"


@pytest.mark.usefixtures("access")
def test_nothing(campaign):
    for filters in ({"group": "nobody"}, {"owner": "nobody"}, {"service": "nothing"}):
        with pytest.raises(ConflictError, match="there is nothing to review"):
            campaign.start(**filters)
    with pytest.raises(NotFoundError):
        campaign.start(user="eve")


@pytest.mark.usefixtures("aware")
@pytest.mark.parametrize("bound", ["MOST_ITEMS", "_MOST_SCANNED"])
def test_too_much(campaign, bound, monkeypatch):
    monkeypatch.setattr(starting, bound, 2)
    with pytest.raises(ConflictError, match="that is more than"):
        campaign.start()
