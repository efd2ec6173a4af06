"""The routes about access: what people see of requests, and what they may do with them."""

from datetime import timedelta

import pytest

from pgward.core.clock import rfc3339
from tests.fixtures.access_world import BUNDLE

ASK = {"service": "shop", "bundles": [BUNDLE], "seconds": 3600, "reason": "T-1"}
REQUESTS = "/v1/access/requests"
READING = {
    "database": "shop",
    "kind": "table",
    "schema": "public",
    "name": "*",
    "privileges": ["SELECT"],
    "future": False,
}


@pytest.fixture
def ask(who):
    def ask(name="ann", **change):
        answer = who(name).call("POST", REQUESTS, ASK | change)
        assert answer.status_code == 201, answer.text
        return answer.json()["request"]

    return ask


@pytest.fixture
def do(who):
    """Do something with a request as somebody; return the request, or the error's message."""

    def do(name, verb, request, **body):
        answer = who(name).call("POST", f"{REQUESTS}/{request['id']}/{verb}", body)
        found = answer.json()
        return found["request"] if answer.is_success else found["error"]["message"]

    return do


def ids(who, name, query="", what="requests"):
    answer = who(name).call("GET", f"/v1/access/{what}{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()[what]]


def test_what_may_be_asked_for(who):
    (offer,) = who("ann").call("GET", "/v1/access/offers").json()["offers"]
    assert offer == {
        "service": "shop",
        "description": "",
        "flow": "oncall",
        "integration": "shop-db",
        "bundles": [{"name": BUNDLE, "roles": [], "privileges": [READING]}],
        "roles": ["reporting"],
        "privileges": [READING | {"database": "*", "schema": "*"}],
        "max_seconds": 28800,
        "default_seconds": 3600,
        "reason": "required",
        "reason_matches": None,
        "approvals": [
            {
                "users": [],
                "groups": ["dba"],
                "integration_owner": False,
                "resource_owner": False,
                "count": 1,
                "approvers": [],
                "given": 0,
            }
        ],
        "automatic": [],
        "break_glass_seconds": None,
        "only_break_glass": False,
        "extend_seconds": 86400,
    }
    assert (
        who("sam").call("GET", "/v1/access/offers").json()["offers"][0]["break_glass_seconds"]
        == 3600
    )
    assert who("ann").call("GET", "/v1/access/offers?service=other").json() == {"offers": []}
    assert who("dora").call("GET", "/v1/access/offers").json() == {"offers": []}


def test_a_request_is_asked_for_approved_and_ended(who, ask, do, clock):
    asked = ask()
    assert (asked["state"], asked["can"], asked["seconds"]) == ("pending", ["cancel", "plan"], 3600)
    assert asked["approvals"][0]["approvers"] == ["dirk", "dora"]
    given = do("dora", "approve", asked, reason="fine", version=asked["version"])
    assert given["state"] == "approved"
    assert given["decisions"] == [
        {
            "by": "dora",
            "what": "approve",
            "at": rfc3339(clock.now()),
            "reason": "fine",
            "counts": True,
        }
    ]
    grant = given["grant"]
    assert (grant["state"], grant["role"], grant["bundles"]) == ("pending", "ann", [BUNDLE])
    assert grant["until"] == rfc3339(clock.now() + timedelta(hours=1))
    assert ids(who, "ann", what="grants") == [asked["id"]]
    over = do("ann", "revoke", asked)
    assert (over["grant"]["state"], over["grant"]["end_reason"]) == ("ending", "revoked")
    assert do("ann", "revoke", asked) == "that access has ended already"


def test_objects_are_asked_for(ask):
    wanted = READING | {"name": "orders"}
    assert ask(bundles=[], privileges=[wanted])["privileges"] == [wanted]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"privileges": [READING | {"kind": "view"}]}, 422),
        ({"privileges": [READING | {"privileges": ["DROP"]}]}, 422),
        ({"privileges": [READING | {"name": "x" * 64}]}, 422),
        ({"privileges": [READING | {"name": "a\0b"}]}, 422),
        ({"bundles": ["A B"]}, 422),
        ({"roles": ["a\nb"]}, 422),
        ({"seconds": 0}, 422),
        ({"unknown": 1}, 422),
        ({"reason": ""}, 422),
        ({"roles": ['"; DROP ROLE x; --']}, 403),
        ({"service": "other"}, 404),
    ],
)
def test_what_cannot_be_asked_for(who, body, status):
    assert who("ann").call("POST", REQUESTS, ASK | body).status_code == status


def test_who_sees_what(who, ask):
    one, other = ask(), ask("dirk")
    both = [other["id"], one["id"]]
    assert sorted(ids(who, "dora")) == sorted(both)
    assert sorted(ids(who, "adam")) == sorted(both)
    assert ids(who, "ann") == [one["id"]]
    assert sorted(ids(who, "dirk")) == sorted(both)
    assert ids(who, "dirk", "?mine=true") == [other["id"]]
    assert ids(who, "dirk", "?to_decide=true") == [one["id"]]
    assert ids(who, "adam", "?to_decide=true") == []
    assert ids(who, "olga") == []
    assert ids(who, "adam", f"?id_prefix={one['id'][:8]}") == [one["id"]]
    for name, status in (("olga", 404), ("sam", 404), ("dora", 200), ("adam", 200)):
        answer = who(name).call("GET", f"{REQUESTS}/{one['id']}")
        assert answer.status_code == status
    for verb in ("approve", "deny", "cancel", "revoke", "acknowledge"):
        path = f"{REQUESTS}/{one['id']}/{verb}"
        assert who("olga").call("POST", path, {}).status_code == 404


def test_lists_go_on_page_by_page(who, ask, clock):
    made = []
    for name in ("ann", "sam", "dirk"):
        clock.move(seconds=1)
        made.append(ask(name)["id"])
    first = who("dora").call("GET", f"{REQUESTS}?limit=2").json()
    assert [each["id"] for each in first["requests"]] == made[:0:-1]
    second = who("dora").call("GET", f"{REQUESTS}?limit=2&after={first['after']}").json()
    assert ([each["id"] for each in second["requests"]], second["after"]) == (made[:1], None)


def test_nobody_approves_their_own(ask, do):
    asked = ask("dirk")
    assert do("dirk", "approve", asked) == "nobody decides about their own request"


def test_a_denial_says_why(ask, do):
    found = do("dora", "deny", ask(), reason="not today")
    assert (found["state"], found["decisions"][0]["reason"]) == ("denied", "not today")


def test_a_request_is_taken_back_only_by_who_made_it(ask, do):
    asked = ask()
    assert do("dora", "cancel", asked) == "only whoever asked takes a request back"
    assert do("ann", "cancel", asked)["state"] == "cancelled"
    assert do("dora", "approve", asked) == "the request is cancelled already"
    assert do("ann", "revoke", asked) == "the request is cancelled: there is nothing to end"


def test_what_was_granted_is_given_back(ask, do):
    asked = ask()
    do("dora", "approve", asked)
    assert do("ann", "cancel", asked)["grant"]["end_reason"] == "cancelled"


def test_administrators_and_who_decides_end_a_grant(ask, do):
    for name in ("adam", "dirk"):
        asked = ask()
        do("dora", "approve", asked)
        assert do(name, "revoke", asked, reason="enough")["grant"]["ended_by"] == name


def test_more_time_is_asked_for_anew(who, ask, do):
    asked = ask()
    before = do("dora", "approve", asked)["grant"]["until"]
    longer = do("ann", "extend", asked, seconds=3600, reason="not done")
    assert (longer["state"], longer["extends"]) == ("pending", asked["id"])
    do("dirk", "approve", longer)
    shown = who("ann").call("GET", f"{REQUESTS}/{asked['id']}").json()["request"]
    assert shown["grant"]["until"] > before
    assert do("dora", "extend", asked, seconds=60) == "only whoever has access asks for more of it"


def test_a_broken_glass_is_acknowledged(who, ask, do):
    asked = ask("sam", break_glass=True)
    assert (asked["state"], asked["break_glass"]) == ("approved", True)
    assert ids(who, "dora", "?unacknowledged=true") == [asked["id"]]
    assert do("dora", "acknowledge", asked, reason="it burned")["acknowledged_by"] == "dora"
    assert ids(who, "dora", "?unacknowledged=true") == []


def test_refusals_are_on_record(api, ask, do):
    asked = ask("dirk")
    do("dirk", "approve", asked)
    event = next(each for each in api.events() if each["action"] == "access.approve")
    assert (event["outcome"], event["actor"], event["target"]) == ("denied", "dirk", asked["id"])


def test_grants_are_listed_by_state(who, ask, do):
    asked = ask()
    do("dora", "approve", asked)
    assert ids(who, "dora", "?state=pending", what="grants") == [asked["id"]]
    assert ids(who, "dora", "?state=active", what="grants") == []
    assert ids(who, "olga", what="grants") == []
    assert ids(who, "adam", "?user=ann&service=shop", what="grants") == [asked["id"]]


def test_who_may_only_break_the_glass_is_told_so(access, who):
    access.add("zoe", "sre")
    (offer,) = who("zoe").call("GET", "/v1/access/offers").json()["offers"]
    assert (offer["only_break_glass"], offer["break_glass_seconds"]) == (True, 3600)
