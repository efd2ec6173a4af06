import pytest

from pgward.access import set_up


@pytest.mark.parametrize("flavour", set_up.FLAVOURS)
def test_the_script_is_printed_as_it_is(pgward, flavour):
    words = ("--version", "16", "--flavour", flavour, "--user", "c", "--database", "shop")
    more = ("--owner", "app", "--role", "reporting", "--reassign-to", "app")
    result = pgward("connector", "set-up", *words, *more)
    assert result.exit_code == 0, result.stderr
    expected = set_up.sql(
        16,
        flavour,
        user="c",
        databases=("shop",),
        owners=("app",),
        roles=("reporting",),
        reassign_to="app",
    )
    assert result.stdout == expected.rstrip() + "\n"


def test_another_flavour_is_refused(pgward):
    result = pgward("connector", "set-up", "--version", "16", "--flavour", "moon")
    assert result.exit_code == 2
    assert "rds" in result.stderr


def test_the_version_is_needed(pgward):
    assert pgward("connector", "set-up").exit_code == 2
