import pytest

from pgward.access import set_up
from pgward.core.errors import InvalidInputError

NASTY = 'x"; drop table t; --\n'
QUOTED = '"x""; drop table t; --\n"'


def statements(version: int, flavour: str = "self") -> list[str]:
    script = set_up.sql(
        version,
        flavour,
        user=NASTY,
        databases=["shop"],
        owners=["app"],
        roles=["reporting"],
        reassign_to="heir",
    )
    return [each for each in script.split(";\n") if "GRANT" in each or "CREATE" in each]


def last_lines(version: int) -> list[str]:
    return [each.split("\n--")[-1].partition("\n")[2] or each for each in statements(version)]


def test_before_16_createrole_does_much() -> None:
    assert last_lines(15)[1:] == [
        f'GRANT CONNECT ON DATABASE "shop" TO {QUOTED} WITH GRANT OPTION',
        f'GRANT "app" TO {QUOTED}',
        f'GRANT "heir" TO {QUOTED}',
    ]


def test_from_16_on_each_membership_says_what_it_is_for() -> None:
    assert last_lines(16)[1:] == [
        f'GRANT CONNECT ON DATABASE "shop" TO {QUOTED} WITH GRANT OPTION',
        f'GRANT "app" TO {QUOTED} WITH ADMIN FALSE, INHERIT TRUE, SET TRUE',
        f'GRANT "reporting" TO {QUOTED} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE',
        f'GRANT "heir" TO {QUOTED} WITH ADMIN FALSE, INHERIT TRUE, SET TRUE',
    ]


@pytest.mark.parametrize("version", [15, 16])
def test_an_owner_who_is_the_heir_is_granted_once(version: int) -> None:
    script = set_up.sql(version, user="me", owners=["app"], reassign_to="app")
    assert script.count('GRANT "app"') == 1


@pytest.mark.parametrize("flavour", set_up.FLAVOURS)
def test_it_is_never_a_superuser(flavour: str) -> None:
    script = set_up.sql(18, flavour, user="me")
    assert 'CREATE ROLE "me" LOGIN CREATEROLE;' in script
    assert not any(each.startswith("GRANT") for each in script.splitlines())


def test_who_runs_it_is_told_by_flavour() -> None:
    assert "-- Run it as the master user (a member of rds_superuser)" in set_up.sql(
        16, "rds", user="me"
    )


def test_an_unknown_flavour_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'oracle' is no flavour of PostgreSQL"):
        set_up.sql(16, "oracle", user="me")


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "é" * 32, "\udcff"])
@pytest.mark.parametrize("place", ["user", "databases", "owners", "roles", "reassign_to"])
def test_a_name_that_is_none_is_refused(place: str, name: str) -> None:
    given = {"user": "me"} | {place: name if place in ("user", "reassign_to") else ["app", name]}
    with pytest.raises(InvalidInputError, match="is no name"):
        set_up.sql(16, **given)


def test_a_version_that_is_too_old_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="10 is too old"):
        set_up.sql(10, user="me")
