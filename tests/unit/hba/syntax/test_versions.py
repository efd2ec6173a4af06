import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities


@pytest.mark.parametrize(
    ("version", "any_certificate", "named", "values"),
    [
        (11, "clientcert=1", None, {"1"}),
        (12, "clientcert=verify-ca", "clientcert=verify-full", {"1", "verify-ca", "verify-full"}),
        (13, "clientcert=verify-ca", "clientcert=verify-full", {"1", "verify-ca", "verify-full"}),
        (14, "clientcert=verify-ca", "clientcert=verify-full", {"verify-ca", "verify-full"}),
        (18, "clientcert=verify-ca", "clientcert=verify-full", {"verify-ca", "verify-full"}),
    ],
)
def test_clientcert(version, any_certificate, named, values) -> None:
    able = Abilities.of(version)
    assert able.clientcert_any == any_certificate
    assert able.clientcert_name == named
    assert able.clientcert_values == values


@pytest.mark.parametrize(
    ("ability", "first"),
    [
        ("minimum_protocol", 12),
        ("gss_lines", 12),
        ("continuation", 14),
        ("identity_in_log", 14),
        ("includes", 16),
        ("any_role_map", 16),
        ("connection_stages", 18),
    ],
)
def test_the_first_version_of_each_ability(ability, first) -> None:
    able = {v: getattr(Abilities.of(v), ability) for v in range(OLDEST, NEWEST + 1)}
    assert able == {v: v >= first for v in range(OLDEST, NEWEST + 1)}


def test_only_the_newest_knows_oauth() -> None:
    assert "oauth" in Abilities.of(18).methods
    assert "oauth" not in Abilities.of(17).methods


@pytest.mark.parametrize("version", [10, 19, 0])
def test_an_unknown_version(version) -> None:
    with pytest.raises(InvalidInputError, match=f"PostgreSQL {version} is not supported"):
        Abilities.of(version)
