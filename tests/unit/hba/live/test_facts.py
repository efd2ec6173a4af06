import pytest

from pgward.hba.check.live import Role
from pgward.hba.live import facts


def test_roles_and_their_groups() -> None:
    rows = [
        {"rolname": "ann", "rolcanlogin": True, "rolsuper": False, "rolreplication": False},
        {"rolname": "team", "rolcanlogin": False, "rolsuper": True, "rolreplication": True},
    ]
    assert facts.roles(rows, [{"role": "ann", "grp": "team"}]) == [
        Role("ann", member_of=frozenset({"team"})),
        Role("team", can_login=False, is_superuser=True, may_replicate=True),
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("invalid mask", "invalid mask"),
        (None, "its error is NULL"),
        (
            "hostssl record cannot match because SSL is disabled",
            "something that the view does not name",
        ),
    ],
)
def test_a_row_without_a_type_is_refused(error, said) -> None:
    row = {"line_number": 7, "type": None, "error": error}
    (found,) = facts.refused_rules([row], "/hba")
    assert said in found.what
    assert str(found.place) == "/hba:7"
    # With a type the line was taken, whatever is said of it.
    assert list(facts.refused_rules([{**row, "type": "host"}], "/hba")) == []


def test_mappings_with_an_error() -> None:
    rows = [
        {"file_name": "/i", "line_number": 2, "error": "bad"},
        {"file_name": "/i", "line_number": 3, "error": None},
    ]
    assert [str(each.place) for each in facts.refused_mappings(rows, "")] == ["/i:2"]


SETTINGS = {
    "max_connections": {"context": "postmaster", "pending_restart": True, "setting": "100"},
    "listen_addresses": {"context": "postmaster", "pending_restart": False, "setting": "*"},
    "ssl": {"context": "sighup", "pending_restart": False, "setting": "off"},
    "primary_conninfo": {"context": "sighup", "pending_restart": True, "setting": "password=x"},
}


def filed(name: str | None, error: str | None):
    return {"sourcefile": "/c", "sourceline": 1, "name": name, "error": error}


def test_what_waits_for_a_restart_is_not_refused() -> None:
    error = "setting could not be applied"
    rows = [filed("listen_addresses", error), filed("ssl", error), filed(None, "syntax error")]
    told = [each.what for each in facts.refused_settings([*rows, filed("ssl", None)], SETTINGS)]
    assert told == ["ssl: setting could not be applied", "syntax error"]
    waits = {each.what: each.place for each in facts.pending(rows, SETTINGS)}
    assert list(waits) == [
        "max_connections is still '100'",
        "listen_addresses is still '*'",
        "primary_conninfo is still what it was",
    ]
    assert waits["max_connections is still '100'"] is None


@pytest.mark.parametrize(
    ("seconds", "span"),
    [(0.5, "within a second"), (1, "1 second"), (7300.0, "2 hours"), (90000, "1 day")],
)
def test_how_much_newer_a_file_is(seconds, span) -> None:
    found = facts.changed([{"path": "/hba", "seconds": seconds}])
    assert found == {"/hba": f"changed {span} after the server last loaded its files"}
