import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.syntax.dialects import Cockroach, Yugabyte
from pgward.hba.syntax.versions import Abilities, Dialect


@pytest.mark.parametrize(
    ("able", "dialect", "name", "superusers"),
    [
        (Abilities(15), Dialect.POSTGRESQL, "PostgreSQL 15", {"postgres"}),
        (Yugabyte(15), Dialect.YUGABYTEDB, "YugabyteDB (PostgreSQL 15)", {"postgres", "yugabyte"}),
        (Cockroach(), Dialect.COCKROACHDB, "CockroachDB", {"root"}),
    ],
)
def test_what_they_are_called(able, dialect, name, superusers) -> None:
    assert (able.dialect, able.name, able.superusers) == (dialect, name, superusers)
    assert able.on_refusal


def test_yugabytedb_is_postgresql_with_more() -> None:
    for version in (11, 15):
        able = Yugabyte.of(version)
        assert able.methods - Abilities(version).methods == {"jwt", "yb-tserver-key"}
        assert able.clientcert_values == Abilities(version).clientcert_values
        assert able.most_word == 255
    with pytest.raises(InvalidInputError, match="is not made of PostgreSQL 13"):
        Yugabyte.of(13)


def test_cockroachdb_has_less() -> None:
    able = Cockroach()
    assert not any((able.includes, able.continuation, able.gss_lines, able.physical_replication))
    assert not any((able.clientcert_values, able.clientcert_name, able.most_word))
    assert "md5" not in able.methods
    assert not able.without_tls
    assert Cockroach(takes_plain=True).without_tls


@pytest.mark.parametrize(
    ("method", "ways"),
    [("cert", "hostssl"), ("gss", "hostssl"), ("peer", "local"), ("trust", "local plain hostssl")],
)
def test_over_what_a_method_can_be_used(method, ways) -> None:
    able = Cockroach()
    asked = {"local": (True, False), "plain": (False, False), "hostssl": (False, True)}
    found = [w for w, (local, tls) in asked.items() if able.usable(method, local=local, tls=tls)]
    assert found == ways.split()


@pytest.mark.parametrize(
    ("options", "principal"),
    [
        ((("include_realm", "0"),), "ann"),
        ((("map", "m"),), "ann@A.EX"),
        ((("krb_realm", "A.EX"), ("include_realm", "0")), "ann"),
        ((("krb_realm", "B.EX"), ("krb_realm", "A.EX"), ("map", "m")), "ann@A.EX"),
        ((("krb_realm", "B.EX"), ("include_realm", "0")), None),
    ],
)
def test_whom_gss_takes_somebody_for(options, principal) -> None:
    assert Cockroach().principal("gss", options, "ann@A.EX") == principal
    assert Cockroach().principal("peer", options, "ann@A.EX") == "ann@A.EX"
    assert Abilities(15).principal("gss", options, "ann@A.EX") == "ann@A.EX"


def test_names_are_folded_letter_by_letter_and_composed() -> None:
    able = Cockroach()
    assert able.folded("ÀΣ") == "àσ"
    assert able.folded("e\u0301") == "é"
    assert Abilities(15).folded("Ann") == "Ann"
