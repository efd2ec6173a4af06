from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.hba.decide import mapping
from pgward.hba.decide.connection import World
from pgward.hba.decide.names import database_is_meant, role_is_meant
from pgward.hba.decide.server import Server
from pgward.hba.ways.matching import Matching, numbers
from tests.fixtures.hba_ways import NAMES, SERVERS, server_of

ASKED = st.sampled_from([*NAMES, "nobody", "team", "+team", "all"])
DATABASES = st.none() | st.sampled_from(["shop", "ann", "team", "dba", "all", "x", "replication"])


@settings(max_examples=120, deadline=None)
@given(SERVERS, ASKED, DATABASES)
def test_it_says_what_the_engine_says(server: Server, role: str, database: str | None) -> None:
    matching = Matching(server)
    roles = matching.of_role(role)
    databases = matching.of_database(database) | matching.of_pair(role, database)
    for number, rule in enumerate(server.rules):
        assert bool(roles >> number & 1) == role_is_meant(server, rule.roles, role)
        meant = database_is_meant(server, rule.databases, database, role)
        assert bool(databases >> number & 1) == meant


@settings(max_examples=120, deadline=None)
@given(SERVERS, ASKED, st.sampled_from(["x", "y", "w", "z1", "ann@x", "bob@x", "ann", "", "q"]))
def test_a_rule_that_is_closed_lets_nobody_in(server: Server, role: str, system: str) -> None:
    closed = Matching(server).closed_to(role)
    for number in numbers(closed):
        assert not mapping.may_be(server, server.rules[number].option("map"), system, role)


def closed(*ident: str, role: str = "ann", line: str = "hostssl all all all cert map=m") -> bool:
    world = World({"ann": frozenset({"team"}), "team": frozenset()})
    return bool(Matching(server_of([line], list(ident), 16, world)).closed_to(role))


def test_where_maps_lead() -> None:
    assert closed()
    assert closed("m x bob")
    assert not closed("m x ann")
    assert not closed("m x +team")
    assert closed("m x +team", role="bob")
    assert not closed("m x all", role="bob")
    assert closed('m x "all"', role="bob")
    assert not closed("m x /^b", role="bob")
    assert not closed("m /^(.*)$ app_\\1", role="app_x")
    assert closed("m /^(.*)$ app_\\1", role="other")
    assert closed("m /^(.*)$ +\\1", role="+ann")
    assert closed("n x ann")


def test_a_map_that_is_not_known_may_lead_anywhere() -> None:
    server = server_of(["hostssl all all all cert map=m"], [], 16, World())
    assert Matching(server).closed_to("ann") == 1
    assert Matching(server, maps_known=False).closed_to("ann") == 0


def test_a_dn_is_no_role_unless_it_looks_like_one() -> None:
    line = "hostssl all all all cert clientname=DN"
    assert closed(line=line)
    assert not closed(line=line, role="CN=ann")
    assert not closed(line="host all all all md5")


def test_numbers() -> None:
    assert list(numbers(0b10110)) == [1, 2, 4]
