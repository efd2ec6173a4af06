import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.plan import lint
from pgward.hba.plan.generate import fragments, settings
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.syntax.tokens import parse
from pgward.hba.syntax.versions import Abilities
from tests.fixtures.golden_hba import GOLDEN, PLANS, VERSIONS, golden


@pytest.mark.parametrize("version", VERSIONS)
def test_golden(version) -> None:
    assert golden(version) == (GOLDEN / f"{version}.txt").read_text()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_our_own_reader_takes_it(plan, version) -> None:
    able = Abilities.of(version)
    lines = parse(fragments(plan, version).hba.encode(), continuation=able.continuation)
    assert lint.errors(lines, able, "f") == []
    passwords = {"metrics", "Old App"} if plan.auth is Auth.CERT_OR_SCRAM else set()
    open_roles = {
        token.text
        for line in lines
        if lint.openings([line], able, "f", None)
        for token in line.fields[2]
    }
    assert open_roles == passwords


def test_refusals_stand_before_permissions() -> None:
    methods = [line.split()[4] for line in fragments(Plan(), 15).hba.splitlines()[1:]]
    assert methods == ["reject", "reject", "cert"]


@pytest.mark.parametrize("role", ["all", "+dba"])
def test_a_map_to_every_role_needs_version_16(role) -> None:
    plan = Plan(mapped=(("alice", role),))
    with pytest.raises(InvalidInputError, match=r"PostgreSQL 15 cannot map alice"):
        fragments(plan, 15)
    assert f"pgward  alice  {role}\n" in fragments(plan, 16).ident


def test_names_too_many_for_a_line() -> None:
    plan = Plan(roles=tuple(f"role{n:05}" for n in range(900)))
    with pytest.raises(InvalidInputError, match="do not fit into one line"):
        fragments(plan, 13)


def test_settings_are_quoted() -> None:
    made = fragments(Plan(tls=type(Plan().tls)(certificate=r"it's\here")), 15).postgresql
    assert r"ssl_cert_file = 'it''s\\here'" in made


def test_the_values_are_told_unquoted() -> None:
    assert settings(Plan(), 11)["ssl_cert_file"] == "server.crt"
    assert "ssl_min_protocol_version" not in settings(Plan(), 11)
    assert settings(Plan(), 12)["ssl_min_protocol_version"] == "TLSv1.2"


def test_with_the_map_from_the_ca_nobody_is_the_role_of_the_own_name() -> None:
    made = fragments(Plan(map_from_ca=True, mapped=(("alice", "app"),)), 15).ident
    lines = [line for line in made.splitlines() if not line.startswith("#")]
    assert lines == ["pgward  alice  app"]


def test_a_role_may_log_in_by_its_own_name_past_the_map() -> None:
    plan = Plan(cert_roles=("c2", "Odd one"), map_from_ca=True, addresses=("samenet",))
    assert [line.split(maxsplit=2)[2] for line in fragments(plan, 15).hba.splitlines()[1:]] == [
        'c2,"Odd one"  samenet  reject',
        "all  samenet  reject",
        "postgres  samenet  reject",
        'c2,"Odd one"  samenet  cert',
        "all  samenet  cert map=pgward",
    ]
