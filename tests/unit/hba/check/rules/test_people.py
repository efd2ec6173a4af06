from dataclasses import replace
from ipaddress import ip_address
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from pgward.hba.decide.connection import Connection, Encryption
from pgward.hba.decide.deciding import decide
from tests.fixtures.hba_examples import subject_of

ROOTS = frozenset({"postgres"})


def found(
    rule: str, *lines: str, ident: str = "", version: int = 16, superusers: frozenset[str] = ROOTS
) -> dict[int, str]:
    subject = replace(
        subject_of(Example("\n".join(lines), ident, version=version)), superusers=superusers
    )
    assert not subject.hba_problems
    return {each.place.line: each.message for each in BY_ID[rule].findings(subject) if each.place}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("host all all 10.0.0.0/8 scram-sha-256", "HBA028"),
        ("host all postgres samenet scram-sha-256", "HBA028"),
        ('host db "postgres" all ldap ldapserver=x ldapprefix=y', "HBA028"),
        ("host replication,db postgres all md5", "HBA028"),
        ("host all /^post all md5", "HBA028"),
        ("hostssl all all all cert", "HBA029"),
        ("hostssl all all all scram-sha-256 clientcert=verify-ca", "HBA029"),
        ("hostssl all all all scram-sha-256 clientcert=verify-full", "HBA029"),
        ("local all all trust", None),
        ("host all all 127.0.0.1/32 md5", None),
        ("host all all localhost md5", None),
        ("host all all samehost md5", None),
        ("host all all all reject", None),
        ("host all bob all md5", None),
        ("host all +dba all md5", None),
        ('host all "all" all md5', None),
        ("host all /^app_ all md5", None),
        ("host replication postgres all md5", None),
        ("host all all all gss", None),
    ],
)
def test_how_a_superuser_gets_in(line: str, rule: str | None) -> None:
    assert [each for each in ("HBA028", "HBA029") if found(each, line)] == ([rule] if rule else [])


def test_the_message_says_who() -> None:
    roots = frozenset({"postgres", "root", "bob"})
    lines = ["hostssl shop bob 10.0.0.0/8 md5", "hostssl all all 10.0.0.0/8 md5"]
    assert found("HBA028", *lines, superusers=roots) == {
        1: "lets superuser bob into shop from 10.0.0.0/8 by md5 without a certificate",
        2: "lets superusers bob, postgres and root into every database from 10.0.0.0/8 by md5 "
        "without a certificate",
    }


def test_the_message_says_with_what() -> None:
    assert found(
        "HBA029", "hostssl a all all cert", "hostssl b all all md5 clientcert=verify-ca"
    ) == {
        1: "lets superuser postgres into a from everywhere by cert",
        2: "lets superuser postgres into b from everywhere by md5 with a certificate",
    }


@pytest.mark.parametrize(
    ("above", "is_found"),
    [
        ("host all postgres all reject", False),
        ("host all all 10.0.0.0/8 reject", False),
        ("hostnossl all postgres all reject\nhostssl all postgres all reject", False),
        ("host all /^postgres$ all reject", False),
        ("host all +admins,postgres all reject", False),
        ("host all postgres 0.0.0.0/0 reject\nhost all postgres ::/0 reject", False),
        ("host all postgres 10.1.0.0/16 reject", True),
        ("hostnossl all postgres all reject", True),
        ("host db postgres all reject", True),
        ("host replication postgres all reject", True),
        ("host all root all reject", True),
        ("host all +postgres all reject", True),
        ("host all /^postgress$ all reject", True),
        ("local all postgres reject", True),
    ],
)
def test_lines_above_that_reject(above: str, is_found: bool) -> None:
    last = above.count("\n") + 2
    assert (last in found("HBA028", above, "host all all 10.0.0.0/8 scram-sha-256")) == is_found


def test_a_certificate_line_above_leaves_nothing_to_the_password_below() -> None:
    lines = [
        "hostssl all postgres all cert",
        "hostnossl all all all reject",
        "host all all all md5",
    ]
    assert found("HBA028", *lines) == {}
    assert set(found("HBA029", *lines)) == {1}


@pytest.mark.parametrize("version", range(11, 19))
def test_a_certificate_by_version(version: int) -> None:
    full = "hostssl all all all scram-sha-256 clientcert=verify-full"
    assert bool(found("HBA028", full, version=version)) == (version == 11)
    assert bool(found("HBA029", full, version=version)) == (version > 11)
    assert bool(found("HBA028", "host all /^post all md5", version=version)) == (version >= 16)


@pytest.mark.parametrize("version", [15, 16])
@pytest.mark.parametrize(
    ("ident", "versions"),
    [
        ("m boss postgres", {15, 16}),
        (r"m /^(.*)@example\.com$ \1", {15, 16}),
        (r"m /^(.*)$ post\1", {15, 16}),
        ("m boss all", {16}),
        ("m boss /^post", {16}),
        ("m boss ann", set()),
        ("m boss +postgres", set()),
        (r"m /^(.*)$ app_\1", set()),
        (r"m /^(.*)$ postgres\1postgres", set()),
        ("n boss postgres", set()),
        ("", set()),
    ],
)
def test_a_map_that_may_lead_to_a_superuser(ident: str, versions: set[int], version: int) -> None:
    line = "hostssl all all all cert map=m"
    assert bool(found("HBA029", line, ident=ident, version=version)) == (version in versions)
    line = "host all all all gss map=m"
    assert bool(found("HBA028", line, ident=ident, version=version)) == (version in versions)


def test_principals_have_realms() -> None:
    assert found("HBA028", "host all all all gss include_realm=0")
    assert not found("HBA028", "host all all all gss include_realm=1")
    named = frozenset({"root@EXAMPLE.COM"})
    assert found("HBA028", "host all all all gss", superusers=named)


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("host replication all 10.0.0.0/8 scram-sha-256", True),
        ("hostssl replication standby 10.0.0.0/8 scram-sha-256", True),
        ("hostssl db,replication standby 10.0.0.0/8 trust", True),
        ("hostssl replication standby 10.0.0.0/8 cert", False),
        ("hostssl replication standby all scram-sha-256 clientcert=verify-ca", False),
        ("host replication all 127.0.0.1/32 md5", False),
        ("host replication all all reject", False),
        ("local replication all trust", False),
        ("host all all 10.0.0.0/8 md5", False),
        ('host "replication" all 10.0.0.0/8 md5', False),
    ],
)
def test_replication(line: str, is_found: bool) -> None:
    assert bool(found("HBA030", line)) == is_found


def test_replication_behind_lines_that_take_it() -> None:
    line = "host replication,db standby 10.0.0.0/8 md5"
    assert not found("HBA030", "host replication all all reject", line)
    assert found("HBA030", "host all all all reject", line) == {
        2: "lets standby into physical replication from 10.0.0.0/8 by md5 without a certificate"
    }


LINES = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(("host", "hostssl", "hostnossl", "hostnogssenc")),
    st.sampled_from(("all", "a", "replication", "a,replication", "sameuser", "/^a")),
    st.sampled_from(("all", "postgres", "ann", "+dba", "ann,postgres", "/^p", '"all"')),
    st.sampled_from(("all", "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "::/0", "127.0.0.1/8")),
    st.sampled_from(("md5", "reject", "scram-sha-256")),
)
CONNECTIONS = [
    Connection("postgres", database, ip_address(address), encryption)
    for database, address, encryption in product(
        ("a", "b", "postgres"), ("10.1.2.3", "10.9.9.9", "11.0.0.1", "2001:db8::1"), Encryption
    )
]


@given(st.lists(LINES, min_size=1, max_size=6))
def test_whatever_the_engine_lets_a_superuser_in_by_is_found(lines: list[str]) -> None:
    server = subject_of(Example("\n".join(lines))).server
    decided = {decide(server, each).index for each in CONNECTIONS} - {None}
    let_in = {index + 1 for index in decided if index is not None and "reject" not in lines[index]}
    assert let_in <= set(found("HBA028", *lines))


@given(st.lists(LINES.filter(lambda line: "/^" not in line), min_size=1, max_size=6))
def test_what_is_found_is_what_the_engine_lets_a_superuser_in_by(lines: list[str]) -> None:
    server = subject_of(Example("\n".join(lines))).server
    decided = {decide(server, each).index for each in CONNECTIONS}
    assert {each - 1 for each in found("HBA028", *lines)} <= decided
