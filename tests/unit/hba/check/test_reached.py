from ipaddress import ip_address, ip_interface
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.check.reached import ways
from pgward.hba.check.rule import Example
from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.deciding import decide
from pgward.hba.decide.server import Server
from tests.fixtures.hba_examples import subject_of

EVERY = set(Encryption)
WORLD = World(
    {"ann": frozenset({"dba"}), "bob": frozenset(), "dba": frozenset()},
    (ip_interface("10.1.2.3/24"), ip_interface("127.0.0.1/8")),
)
KINDS = ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")
DATABASES = ("all", "a", '"a"', "a,b", '"all"', "sameuser", "replication", "a,replication", "/^a")
ROLES = ("all", "ann", '"ann"', "ann,bob", "+dba", '"all"', "/^b")
ADDRESSES = (
    *("all", "0.0.0.0/0", "::/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.4/32", "127.0.0.1/8"),
    *("samehost", "samenet", "pc.example.com", ".example.com", "10.0.2.0 255.0.255.0"),
)


def by(*lines: str, version: int = 16) -> dict[int, set[str]]:
    found = ways(subject_of(Example("\n".join(lines), version=version)))
    return {each.place.line: set(each.by) for each in found}


def test_all_are_reached_that_nothing_covers() -> None:
    assert by("local all all peer", "host a ann all md5", "hostssl b all all cert") == {
        1: set(),
        2: EVERY,
        3: {Encryption.TLS},
    }


def test_what_earlier_lines_leave_of_it() -> None:
    lines = ["hostnossl all all all reject", "host all all 10.0.0.0/8 md5"]
    assert by(*lines)[2] == {Encryption.TLS}
    assert 3 not in by(*lines, "host a ann 10.1.0.0/16 md5")
    assert by(*lines, "host a ann 11.1.0.0/16 md5")[3] == {Encryption.TLS}


def test_several_lines_together_cover() -> None:
    assert 3 not in by("hostssl all all all cert", "hostnossl all all all md5", "host a b all md5")
    assert 3 not in by("host a ann all md5", "host a bob all md5", "host a bob,ann all md5")
    assert 3 not in by("host all all 0.0.0.0/0 md5", "host all all ::/0 md5", "host a b all md5")
    assert 2 in by("host all all 0.0.0.0/0 md5", "host a b all md5")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("local all all peer", "host all all all md5"),
        ("host all all all md5", "local all all peer"),
        ("host all all all md5", "host replication all all md5"),
        ('host "all" all all md5', "host a all all md5"),
        ("host all +dba all md5", "host all dba all md5"),
        ("host all all 10.0.0.0/8 md5", "host all all 10.0.0.0/7 md5"),
        ("host all all 10.0.0.0/8 md5", "host all all a00::/8 md5"),
        ("host all all samenet md5", "host all all samehost md5"),
    ],
)
def test_near_misses_cover_nothing(first: str, second: str) -> None:
    assert 2 in by(first, second)


def test_quotes_that_change_nothing() -> None:
    assert 2 not in by('host "a" "ann" all md5', "host a ann all md5")


def test_long_lists_count_as_reached() -> None:
    many = ",".join(f"n{each}" for each in range(200))
    assert set(by("host all all all reject", f"host {many} {many} all md5")) == {1, 2}


@pytest.mark.parametrize(
    ("line", "remote"),
    [
        ("local all all peer", False),
        ("host all all 127.0.0.0/8 md5", False),
        ("host all all ::1/128 md5", False),
        ("host all all ::1/127 md5", True),
        ("host all all 127.0.0.1/7 md5", True),
        ("host all all samehost md5", False),
        ("host all all samenet md5", True),
        ("host all all LocalHost md5", False),
        ("host all all .localhost md5", True),
        ("host all all localhost.example.com md5", True),
    ],
)
def test_which_are_for_other_machines(line: str, remote: bool) -> None:
    (way,) = ways(subject_of(Example(line)))
    assert (way.is_remote, way.is_bare) == (remote, remote)


def test_they_are_found_once() -> None:
    subject = subject_of(Example())
    assert ways(subject) is ways(subject)


RULES = st.builds(
    lambda kind, database, role, address: (
        f"local {database} {role} peer"
        if kind == "local"
        else f"{kind} {database} {role} {address} md5"
    ),
    *(st.sampled_from(each) for each in (KINDS, DATABASES, ROLES, ADDRESSES)),
)
CONNECTIONS = [
    Connection(user, database, ip_address(address), encryption, name)
    for user, database, encryption, (address, name) in product(
        ("ann", "bob", "all", "+dba"),
        ("a", "b", "ann", None),
        Encryption,
        (
            ("10.1.2.4", "pc.example.com"),
            ("10.1.2.3", None),
            ("10.9.2.0", None),
            ("11.0.0.1", "pc.example.com"),
            ("127.0.0.1", None),
            ("fe80::1", "pc.example.com"),
        ),
    )
] + [Connection("ann", database, None) for database in ("a", "b", None)]


@given(st.lists(RULES, min_size=1, max_size=6))
def test_a_rule_that_decides_is_never_left_out(lines: list[str]) -> None:
    subject = subject_of(Example("\n".join(lines)))
    rules = [each.says for each in subject.rules]
    server = Server(subject.able, rules, world=WORLD)
    reached = {each.entry.number: each.by for each in ways(subject)}
    for connection in CONNECTIONS:
        index = decide(server, connection).index
        if index is not None:
            assert index in reached, connection
            assert connection.address is None or connection.encryption in reached[index], connection
