import pytest

from pgward.ca.resources.role_names import is_privileged, makes_superuser, role_name
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    "name",
    [
        "app",
        "App Owner",
        'with "quotes"',
        "all",
        "+group",
        "@file",
        "büro",
        "роль",
        "a,b",
        "{user}",
    ],
)
def test_names_that_may_be(name):
    assert role_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is no role's name"),
        ("x" * 64, "is no role's name"),
        ("ü" * 32, "is no role's name"),
        ("a\nb", "is no role's name"),
        (" app", "is no role's name"),
        ("app\u00a0owner", "is no role's name"),
        ("a\u202eb", "is no role's name"),
        ("\uff41pp", "not what they look like"),
        ("/^app", "regular expression"),
        ("{group}", "is no role's name"),
        ("Public", "keeps for itself"),
        ("none", "keeps for itself"),
        ("p\u043estgres", "mixes letters"),
        ("Postgres", "looks like postgres"),
        ("PG_monitor", "looks like pg_"),
        ("ro\u03bft", "mixes letters"),
        ("rds_Superuser", "looks like rds_superuser"),
    ],
)
def test_names_that_may_not_be(name, said):
    with pytest.raises(InvalidInputError, match=said):
        role_name(name)


def test_who_is_a_superuser():
    assert [is_privileged(name) for name in ("postgres", "pg_monitor", "app")] == [
        True,
        True,
        False,
    ]
    names = ("postgres", "pg_write_server_files", "pg_monitor", "app")
    assert [makes_superuser(name) for name in names] == [True, True, False, False]
