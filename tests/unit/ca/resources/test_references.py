from pgward.ca.resources import references
from pgward.ca.resources.references import Reference


def test_every_name_is_found_with_where_it_stands():
    spec = {
        "integration": "shop-db",
        "allow": {"groups": ["dba"], "users": ["ann", "bob"]},
        "edges": ["e1"],
        "postgres": {
            "auth": {"password": {"fromSecret": "shop"}},
            "policies": ["p1", {"rules": []}],
            "configs": {"w": {"policies": ["p2"]}},
        },
        "approvals": [{"groups": ["owners"]}],
        "accounts": [{"user": "app", "secret": "app"}],
    }
    assert references.of(spec) == [
        Reference("Integration", "shop-db", "spec.integration"),
        Reference("Group", "dba", "spec.allow.groups"),
        Reference("User", "ann", "spec.allow.users"),
        Reference("User", "bob", "spec.allow.users"),
        Reference("Edge", "e1", "spec.edges"),
        Reference("Secret", "shop", "spec.postgres.auth.password.fromSecret"),
        Reference("Policy", "p1", "spec.postgres.policies"),
        Reference("Policy", "p2", "spec.postgres.configs.w.policies"),
        Reference("Group", "owners", "spec.approvals[0].groups"),
        Reference("Secret", "app", "spec.accounts[0].secret"),
    ]


def test_what_people_name_as_they_like_refers_to_nothing():
    spec = {"labels": {"edge": "e1"}, "tags": {"integration": "x"}, "groups": "no list"}
    assert references.of(spec) == []
