import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.marks import Mark, bundle_role, is_reserved

ALICE = Mark("shop-db", "access", "alice@example.com")
READING = Mark("shop-db", "bundle", "reading")


@pytest.mark.parametrize("mark", [ALICE, READING])
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert Mark.read(mark.text()) == mark


def test_a_mark_says_whose_the_role_is() -> None:
    expected = (
        'managed by pgward access: {"integration": "shop-db", "kind": "access", '
        '"person": "alice@example.com"}'
    )
    assert ALICE.text() == expected


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "",
        "the DBA's own words",
        "managed by pgward access: ",
        "managed by pgward access: []",
        'managed by pgward access: {"integration": "x", "kind": "planet", "person": "y"}',
        'managed by pgward access: {"integration": 1, "kind": "access", "person": "y"}',
        'managed by pgward access: {"integration": "x", "kind": "access", "person": 1}',
        'managed by pgward access: {"integration": "x", "kind": "bundle", "person": "y"}',
        "managed by pgward access: " + "[" * 100_000,
    ],
)
def test_any_other_comment_is_no_mark(comment: object) -> None:
    assert Mark.read(comment) is None


@given(st.text())
def test_a_comment_that_is_no_mark_harms_nothing(comment: str) -> None:
    assert Mark.read(comment) is None


def test_the_role_of_a_bundle_is_called_after_it() -> None:
    assert bundle_role("shop-reading") == "pgward_shop-reading"


def test_long_bundles_have_roles_of_their_own() -> None:
    names = [bundle_role("x" * 62 + last) for last in "ab"]
    assert [len(each) for each in names] == [63, 63]
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("role", "reserved"), [("pg_monitor", True), ("public", True), ("none", True), ("alice", False)]
)
def test_names_of_postgresql_are_reserved(role: str, reserved: bool) -> None:
    assert is_reserved(role) == reserved


def test_a_mark_says_which_password_a_role_has_and_is_no_other_by_that() -> None:
    with_password = ALICE.of(3)
    found = Mark.read(with_password.text())
    assert found == ALICE
    assert found is not None
    assert found.password == 3
    assert with_password.of(None).text() == ALICE.text()


@pytest.mark.parametrize("password", ["3", True, None, [], 1.5])
def test_what_is_no_version_of_a_password_is_none(password: object) -> None:
    fields = {"integration": "i", "kind": "access", "person": "p", "password": password}
    found = Mark.read("managed by pgward access: " + json.dumps(fields))
    assert found is not None
    assert found.password is None
