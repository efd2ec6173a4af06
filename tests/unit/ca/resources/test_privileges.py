import pytest
from pydantic import ValidationError

from pgward.access.rights import ObjectRights, Rights
from pgward.ca.resources.fields import explain
from pgward.ca.resources.privileges import RightsSpec


def read(*privileges, **more):
    return RightsSpec.model_validate({"privileges": list(privileges)} | more)


def wrong(*privileges, **more):
    with pytest.raises(ValidationError) as caught:
        read(*privileges, **more)
    said = explain(caught.value.errors(include_url=False), RightsSpec)
    return {field.path: field.message for field in said.fields}


def test_the_fields_that_are_there_say_on_what_it_is():
    spec = read(
        {"database": "shop", "grant": ["connect"]},
        {"database": "shop", "schema": "public", "grant": ["USAGE"]},
        {"database": "shop", "schema": "*", "tables": ["o*", "a"], "grant": ["UPDATE", "SELECT"]},
        {"database": "shop", "schema": "s", "sequences": ["*"], "grant": ["USAGE"], "future": True},
        {"database": "shop", "schema": "s", "functions": ["f"], "grant": ["EXECUTE"]},
        roles=["reporting"],
    )
    assert spec.rights() == Rights(
        frozenset({"reporting"}),
        frozenset(
            {
                ObjectRights("shop", "database", "", "", ("CONNECT",)),
                ObjectRights("shop", "schema", "", "public", ("USAGE",)),
                ObjectRights("shop", "table", "*", "o*", ("SELECT", "UPDATE")),
                ObjectRights("shop", "table", "*", "a", ("SELECT", "UPDATE")),
                ObjectRights("shop", "sequence", "s", "*", ("USAGE",), future=True),
                ObjectRights("shop", "function", "s", "f", ("EXECUTE",)),
            }
        ),
    )


def test_what_is_read_is_what_connectors_can_read():
    rights = read({"database": "d", "schema": "s", "tables": ["*"], "grant": ["SELECT"]}).rights()
    assert Rights.read(rights.to_json()) == rights


def test_what_is_written_can_be_read_again():
    spec = read({"database": "d", "schema": "s", "tables": ["*"], "grant": ["SELECT"]})
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored["privileges"][0]["schema"] == "s"
    assert RightsSpec.model_validate(stored) == spec


@pytest.mark.parametrize(
    ("entry", "path", "said"),
    [
        ({"tables": ["a"], "grant": ["SELECT"]}, "", "has no schema"),
        ({"schema": "s", "tables": ["a"], "grant": ["EXECUTE"]}, "", "grants EXECUTE"),
        ({"grant": ["SELECT"]}, "", "which no database has; known are CONNECT"),
        ({"schema": "s", "grant": ["USAGE"], "future": True}, "", "has future"),
        (
            {"schema": "s", "tables": ["a"], "functions": ["b"], "grant": ["SELECT"]},
            "",
            "make an entry for each",
        ),
        ({"schema": "s", "tables": [], "grant": ["SELECT"]}, ".tables", "at least 1 item"),
        ({"schema": "a\nb", "grant": ["USAGE"]}, ".schema", "is no name"),
        ({"schema": "é" * 32, "grant": ["USAGE"]}, ".schema", "at most 63 bytes"),
        ({"schema": "\ud800", "grant": ["USAGE"]}, ".schema", "not Unicode"),
        ({"shema": "s", "grant": ["USAGE"]}, ".shema", "did you mean schema?"),
        ({"grant": []}, ".grant", "at least 1 item"),
    ],
)
def test_wrong_entries_are_named(entry, path, said):
    assert said in wrong({"database": "d"} | entry)[f"privileges[0]{path}"]


@pytest.mark.parametrize("role", ["pgward_connector", "PGWARD_x"])
def test_roles_of_our_own_are_not_given(role):
    assert "pgward's own" in wrong(roles=[role])[""]


def test_nobody_is_made_a_superuser_for_a_time():
    for role in ("rds_superuser", "pg_execute_server_program"):
        assert "as good as a superuser" in wrong(roles=[role])[""]
    assert "allowSuperuser" in str(wrong(roles=["reporting"], allowSuperuser=True))
    assert read(roles=["pg_read_all_data"]).roles == ["pg_read_all_data"]
