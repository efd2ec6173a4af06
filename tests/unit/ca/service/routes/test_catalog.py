import pytest

from tests.fixtures.authority import START
from tests.fixtures.catalogs import SERVER, SHOP, deliver
from tests.fixtures.edge_services import actions
from tests.fixtures.integrations import declare

TAGS = {
    "tags": {"env": "prod"},
    "objectTags": [{"database": "shop", "schema": "billing", "tags": {"owner": "billing"}}],
}


@pytest.fixture
def known(api, admin):
    declare(admin, **TAGS)
    deliver(api.store, {"": SERVER, "shop": SHOP})
    return admin


def get(who, path, query="", status=200):
    answer = who.call("GET", f"/v1/catalog{path}", query=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def names(found):
    return [f"{each['schema']}.{each['name']}" for each in found["objects"]]


def test_integrations_are_listed_with_what_is_known(known):
    declare(known, "new-db")
    new, shop = get(known, "")["integrations"]
    assert (new["integration"], new["taken_at"], new["counts"]) == ("new-db", None, {})
    assert shop == get(known, "/shop-db")
    assert shop == {
        "integration": "shop-db",
        "connector": None,
        "edge": "e1",
        "tags": {"env": "prod"},
        "taken_at": "2026-11-21T12:00:00Z",
        "seconds": 0.5,
        "server_version": 16,
        "databases": {"shop": None},
        "counts": {"database": 1, "function": 1, "role": 5, "schema": 2, "table": 3},
        "failed_at": None,
        "failure": None,
        "asked_at": None,
        "problem": None,
        "asked_by": None,
    }


def test_objects_are_searched(known):
    found = get(known, "/shop-db/objects", "?search=card")
    assert found == {
        "objects": [
            {
                "database": "shop",
                "kind": "table",
                "schema": "billing",
                "name": "cards",
                "signature": "",
                "detail": "",
                "owner": "app",
                "comment": "Credit cards",
                "rows": 1200,
                "size": 81000,
                "tags": {"env": "prod", "owner": "billing"},
            }
        ],
        "cursor": None,
    }
    tagged = get(known, "/shop-db/objects", "?tag=owner=billing&tag=env=prod&kind=table")
    assert names(tagged) == ["billing.Bills_100%", "billing.cards"]
    assert names(get(known, "/shop-db/objects", "?tag=owner=x")) == []


def test_pages_follow_each_other(known):
    first = get(known, "/shop-db/objects", "?limit=3")
    rest = get(known, "/shop-db/objects", f"?limit=100&cursor={first['cursor']}")
    assert names(first) + names(rest) == names(get(known, "/shop-db/objects"))
    roles = get(known, "/shop-db/roles", "?limit=2")
    assert [each["name"] for each in roles["roles"]] == ["alice", "app"]
    rest = get(known, "/shop-db/roles", f"?cursor={roles['cursor']}")
    assert [each["name"] for each in rest["roles"]] == ["idle", "reader", "writer"]


def test_grants_tell_through_which_memberships_somebody_has_them(known):
    found = get(known, "/shop-db/grants", "?to=alice&name=cards")["grants"]
    assert [(each["grantee"], each["privileges"], each["by_way_of"]) for each in found] == [
        ("alice", ["UPDATE"], []),
        ("reader", ["SELECT"], ["writer", "reader"]),
        ("writer", ["INSERT", "SELECT"], ["writer"]),
    ]
    direct = get(known, "/shop-db/grants", "?to=alice&direct=true")["grants"]
    assert [(each["column"], each["grantee"]) for each in direct] == [("owner", "alice")]
    everybody = get(known, "/shop-db/grants", "?schema=public")["grants"]
    assert {(each["name"], each["grantee"]) for each in everybody} == {
        ("add", None),
        ("news", None),
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/shop-db/objects?tag=x", "a tag is KEY=VALUE"),
        ("/shop-db/objects?tag=a=b&tag=a=c", "a tag has one value, not b and c"),
        ("/shop-db/objects?cursor=x", "that cursor is none of ours"),
    ],
)
def test_what_cannot_be_meant_is_refused(known, path, message):
    path, _, query = path.partition("?")
    assert get(known, path, f"?{query}", 422)["error"]["message"] == message


def test_another_look_is_asked_for(api, known):
    answer = known.call("POST", "/v1/catalog/shop-db/refresh").json()
    assert answer["edge"] == "e1"
    assert get(known, "/shop-db")["asked_by"] == "root"
    assert actions(api, "catalog.") == [("root", "catalog.refresh", "ok", "shop-db")]
    assert api.clock.now() == START


@pytest.mark.usefixtures("known")
def test_auditors_may_look_and_not_ask(api):
    api.add("ann", "auditors")
    ann = api.device("ann")
    assert names(get(ann, "/shop-db/objects", "?search=cards")) == ["billing.cards"]
    assert ann.call("POST", "/v1/catalog/shop-db/refresh").status_code == 403


def test_what_is_known_goes_with_its_integration(known):
    assert known.call("DELETE", "/v1/resources/Integration/shop-db").status_code == 200
    get(known, "/shop-db/objects", status=404)
    declare(known)
    assert get(known, "/shop-db")["taken_at"] is None
    assert get(known, "/shop-db/objects")["objects"] == []


def test_owners_see_the_catalogs_of_their_own_integrations(api, known):
    api.add("olga", "team-shop")
    olga = api.device("olga")
    get(olga, "", status=403)
    declare(known, **TAGS, owner={"groups": ["team-shop"]})
    declare(known, "till-db")
    assert [each["integration"] for each in get(olga, "")["integrations"]] == ["shop-db"]
    for path in ("", "/objects", "/roles", "/grants"):
        get(olga, f"/shop-db{path}")
        get(olga, f"/till-db{path}", status=403)
        get(olga, f"/none{path}", status=403)
    assert olga.call("POST", "/v1/catalog/shop-db/refresh", {}).status_code == 403
