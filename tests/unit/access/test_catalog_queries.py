import pytest

from pgward.access import catalog_queries as queries
from pgward.access.catalog import Given, Membership, Thing


def test_a_row_becomes_a_thing_with_the_rights_on_its_columns() -> None:
    fields = {
        "kind": "table",
        "schema": "billing",
        "name": "cards",
        "owner": "app",
        "oid": "77",
        "detail": None,
        "comment": None,
        "rows": 1234.0,
        "size": 8192,
        "grants": [["reader", ["SELECT", "INSERT"], [], ""]],
    }

    found = queries.thing(fields, {"77": [["alice", ["UPDATE"], [], "owner"]], "78": [[]]})

    assert found == Thing(
        "table",
        "billing",
        "cards",
        owner="app",
        rows=1200,
        size=8200,
        grants=(Given("alice", ("UPDATE",), (), "owner"), Given("reader", ("INSERT", "SELECT"))),
    )


def test_a_role_has_the_attributes_that_are_true() -> None:
    fields = {
        "kind": "role",
        "name": "alice",
        "attributes": {"login": True, "superuser": False, "limit": None, "valid_until": "infinity"},
        "member_of": [["reader", True, True, False]],
    }

    found = queries.thing(fields)

    assert found.attributes == {"login": True, "valid_until": "infinity"}
    assert found.member_of == (Membership("reader", admin=True, set=False),)


@pytest.mark.parametrize(("version", "asked"), [(13, False), (15, False), (16, True), (18, True)])
def test_what_a_membership_gives_is_asked_for_where_it_can_differ(
    version: int, asked: bool
) -> None:
    assert ("set_option" in queries.roles(version)) == asked
