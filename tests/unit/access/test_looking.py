import json

from pgward.access import looking
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Wanted

TABLES = ObjectRights("shop", "table", "s_*", "100%", ("SELECT",), future=True)
CONNECT = ObjectRights("shop", "database", "", "", ("CONNECT",))


def asked(*rights: ObjectRights) -> object:
    return json.loads(str(looking.database_parameters([2, 1], rights)["asked"]))


def test_patterns_are_asked_for_as_like_has_them() -> None:
    assert asked(TABLES, CONNECT) == [
        {"kind": "table", "schema": r"s\_%", "name": r"100\%", "privileges": ["SELECT"]},
        {"kind": "schema", "schema": "", "name": r"s\_%", "privileges": []},
    ]


def test_rights_are_sorted_by_their_database() -> None:
    wanted = Wanted(bundles={"x": Rights(objects=frozenset({TABLES, CONNECT}))})
    assert looking.rights_of(wanted, 16) == {"shop": {TABLES, CONNECT}}


def test_what_a_version_does_not_know_is_not_asked_for() -> None:
    maintain = ObjectRights("shop", "table", "s", "t", ("MAINTAIN",))
    wanted = Wanted(bundles={"x": Rights(objects=frozenset({maintain}))})
    assert looking.rights_of(wanted, 16) == {}
    assert looking.rights_of(wanted, 17) == {"shop": {maintain}}


def test_settings_have_privileges_from_15_on() -> None:
    assert "pg_parameter_acl" not in looking.database_query(14)
    assert "pg_parameter_acl" in looking.database_query(15)
