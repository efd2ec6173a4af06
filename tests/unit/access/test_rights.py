import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.rights import ObjectRights, Rights, matches
from pgward.core.errors import InvalidInputError

TABLES = ObjectRights("orders", "table", "public", "*", ("SELECT",), future=True)


def test_a_pattern_covers_objects_of_its_schema() -> None:
    assert TABLES.covers("public", "customers")
    assert not TABLES.covers("private", "customers")


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_patterns_mean_what_a_shell_means_by_them(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


def test_only_stars_are_special() -> None:
    assert matches("[a]?.", "[a]?.")
    assert not matches("[a]?.", "aaa")


def test_many_stars_take_no_time() -> None:
    assert not matches("*a" * 30 + "*b", "a" * 63)


def test_rights_read_what_they_wrote() -> None:
    rights = Rights(frozenset({"readonly"}), frozenset({TABLES}))
    assert Rights.read(rights.to_json()) == rights


def test_rights_are_joined() -> None:
    joined = Rights(frozenset({"a"})) | Rights(frozenset({"b"}), frozenset({TABLES}))
    assert joined == Rights(frozenset({"a", "b"}), frozenset({TABLES}))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "planet"},
        {"kind": "database"},
        {"kind": "schema"},
        {"schema": ""},
        {"name": ""},
        {"name": "x" * 64},
        {"name": "a\0b"},
        {"database": 7},
        {"privileges": []},
        {"privileges": ["USAGE"]},
        {"privileges": ["SELECT; DROP TABLE x"]},
        {"privileges": 1},
    ],
)
def test_what_is_no_right_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        ObjectRights.read({**TABLES.to_json(), **change})


@pytest.mark.parametrize("fields", [{}, {"roles": [""], "objects": []}, {"roles": 1}])
def test_what_are_no_rights_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        Rights.read(fields)
