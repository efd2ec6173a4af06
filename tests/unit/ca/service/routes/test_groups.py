import pytest


def test_members_are_named_as_the_directory_names_them(api, admin):
    api.add("Alice")
    answer = admin.call("POST", "/v1/groups/dba/members", {"add": ["ALICE"]})
    assert answer.json() == {"name": "dba", "members": ["Alice"], "size": 1}
    answer = admin.call("POST", "/v1/groups/dba/members", {"remove": ["alice"]})
    assert answer.json() == {"name": "dba", "members": [], "size": 0}
    assert [g["name"] for g in admin.call("GET", "/v1/groups").json()["groups"]] == [
        "administrators"
    ]


@pytest.mark.parametrize(
    ("group", "body", "status"),
    [
        ("dba", {"add": ["nobody"]}, 404),
        ("Not-Ok", {"add": ["root"]}, 422),
        ("dba", {"adds": ["root"]}, 422),
        ("dba", {"add": "root"}, 422),
    ],
)
def test_changes_that_make_no_sense(admin, group, body, status):
    assert admin.call("POST", f"/v1/groups/{group}/members", body).status_code == status


def test_a_long_list_may_be_of_numbers_only(api, admin):
    api.add("alice", "dba", "web")
    api.add("bob", "dba")
    assert admin.call("GET", "/v1/groups", query="?members=false").json()["groups"] == [
        {"name": "administrators", "members": [], "size": 1},
        {"name": "dba", "members": [], "size": 2},
        {"name": "web", "members": [], "size": 1},
    ]
