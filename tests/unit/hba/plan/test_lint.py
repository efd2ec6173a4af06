import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.plan.lint import errors, openings
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.syntax.tokens import parse
from pgward.hba.syntax.versions import Abilities


def wrong(text: str, version: int = 15) -> list[str]:
    return [str(each) for each in errors(parse(text.encode()), Abilities.of(version), "f")]


def open_to(text: str, version: int = 15, plan: Plan | None = None) -> list[str]:
    found = openings(parse(text.encode()), Abilities.of(version), "f", plan)
    return [str(each) for each in found]


@pytest.mark.parametrize(
    "line",
    [
        "local all all peer map=x",
        "host all all 127.0.0.1/32 scram-sha-256",
        "host all all 127.0.0.1 255.255.255.255 md5",
        "hostssl all all all cert clientname=DN map=m",
        "hostssl a,b +c,d .example.com scram-sha-256 clientcert=verify-full",
        "hostnossl all all ::/0 reject",
        "host @dbs @users samenet ldap ldapserver=x ldapbasedn=dc=x",
    ],
)
def test_lines_that_postgresql_takes(line) -> None:
    assert wrong(line) == []


@pytest.mark.parametrize(
    ("version", "line", "message"),
    [
        (15, "hots all all all md5", "'hots' is no connection type of PostgreSQL 15"),
        (15, "a,b all all all md5", "there is more than one connection type (column 3)"),
        (11, "hostgssenc all all all gss", "'hostgssenc' is no connection type of PostgreSQL 11"),
        (15, "local", "the line ends before the database"),
        (15, "local all", "the line ends before the role"),
        (15, "host all all", "the line ends before the address"),
        (15, "host all all all", "the line ends before the authentication method"),
        (15, "host all all 10.0.0.1 md5", "'md5' is no IP mask (column 23)"),
        (15, "host all all 10.0.0.1", "the line ends before the address's netmask"),
        (15, "local all all magic", "'magic' is no authentication method of PostgreSQL 15"),
        (17, "host all all all oauth", "'oauth' is no authentication method of PostgreSQL 17"),
        (15, "host all all all cert", "the method cert is for hostssl lines only"),
        (15, "hostssl all all all md5 clientcert", "the option 'clientcert' is not name=value"),
        (14, "hostssl all all all md5 clientcert=1", "clientcert=1 is nothing that PostgreSQL 14"),
        (12, "hostssl all all all md5 clientcert=x", "clientcert=x is nothing that PostgreSQL 12"),
        (15, "include x", "'include' is no connection type"),
        (16, "include", "'include' is no connection type"),
    ],
)
def test_lines_that_postgresql_refuses(version, line, message) -> None:
    (found,) = wrong(f"# first\n{line}\n", version)
    assert found.startswith(f"f:2: {message}")


def test_each_version_has_its_own_clientcert() -> None:
    line = "hostssl all all all md5 clientcert={}"
    assert [wrong(line.format(1), version) for version in (11, 12, 13)] == [[], [], []]
    assert wrong(line.format("verify-full"), 11) == []  # taken, as off


def test_includes_are_no_rules() -> None:
    assert wrong("include other.conf", 16) == []
    assert open_to("include_dir d", 18) == []


@pytest.mark.parametrize(
    ("version", "line"),
    [
        (15, "local all all trust"),
        (15, "host all all all reject"),
        (15, "hostssl all all all cert"),
        (11, "hostssl all all all md5 clientcert=1"),
        (13, "hostssl all all all md5 clientcert=1"),
        (15, "hostssl all all all md5 clientcert=verify-ca"),
        (15, "nonsense"),
    ],
)
def test_lines_that_let_nobody_in_without_a_certificate(version, line) -> None:
    assert open_to(line, version) == []


@pytest.mark.parametrize(
    ("version", "line", "said"),
    [
        (15, "host a b 10.0.0.0/8 md5", "lets b into a from 10.0.0.0/8 by md5"),
        (15, "hostssl all all all scram-sha-256", "lets all into all from all by scram-sha-256"),
        (15, "hostnossl x y all md5", "lets y into x"),
        (11, "hostssl a b all trust clientcert=verify-full", "takes clientcert=verify-full as off"),
        (13, "hostssl a b all trust clientcert=no-verify", "lets b into a"),
    ],
)
def test_lines_that_let_people_in_without_a_certificate(version, line, said) -> None:
    (found,) = open_to(line, version)
    assert found.startswith("f:1: ")
    assert said in found


@pytest.mark.parametrize(
    ("plan", "line", "decided"),
    [
        (Plan(), "host all all 0.0.0.0/0 md5", True),
        (Plan(), "host replication all 0.0.0.0/0 md5", False),
        (Plan(replication_roles=("all",)), "host replication all all md5", True),
        (Plan(replication_roles=("rep",)), "host replication other all md5", False),
        (Plan(roles=("app",)), "host all app all md5", True),
        (Plan(roles=("app",)), "host all app,other all md5", False),
        (Plan(databases=("x",)), "host x all all md5", True),
        (Plan(databases=("x",)), "host all all all md5", False),
        (Plan(addresses=("10.0.0.0/8",)), "host all all 10.0.0.0/8 md5", False),
        (
            Plan(auth=Auth.CERT_OR_SCRAM, roles=("p",), password_roles=("a",)),
            "host x a,p all md5",
            True,
        ),
    ],
)
def test_what_the_plan_above_decides_is_left_out(plan, line, decided) -> None:
    assert (open_to(line, plan=plan) == []) is decided


@given(st.binary(), st.integers(11, 18))
def test_any_bytes_are_looked_at(data, version) -> None:
    able = Abilities.of(version)
    lines = parse(data, continuation=able.continuation)
    errors(lines, able, "f")
    openings(lines, able, "f", None)


def test_what_is_beyond_us_stops_nobody() -> None:
    able = Abilities.of(16)
    lines = parse(b'host all "/(?x)a b" all trust\nhost all all all md5\n')
    assert errors(lines, able, "f") == []
    found = [str(each) for each in openings(lines, able, "f", None)]
    assert found[0] == "f:1: was not looked at: the embedded option 'x' is not followed here"
    assert found[1].startswith("f:2: lets all into all")
