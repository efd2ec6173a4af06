from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.hba.decide.connection import World
from pgward.hba.decide.server import Server
from pgward.hba.syntax.regexes import compiled
from pgward.hba.ways import population
from pgward.hba.ways.matching import Matching
from pgward.hba.ways.population import Person
from tests.fixtures.hba_ways import SERVERS, server_of


def of(hba: list[str], ident: tuple[str, ...] = (), version: int = 16, world: World | None = None):
    server = server_of(hba, list(ident), version, world or World())
    return population.of_files(server.rules, server.mappings, server.able, server.world)


def test_whom_files_tell_apart() -> None:
    found = of(
        ["host shop,sameuser ann,+team,/^app_ all md5", 'host all "all" all trust'],
        ("m x bob", "m /^(.*)$ \\1"),
    )
    people = {each.label: each.name for each in found.people}
    assert list(people) == [
        "ann",
        "all",
        "bob",
        "(any member of team)",
        "(any that /^app_ matches)",
        "(any other role)",
    ]
    assert people["(any that /^app_ matches)"].startswith("app_")
    member = people["(any member of team)"]
    assert found.world.is_member(member, "team")
    assert not found.world.is_member("ann", "team")
    assert [each.label for each in found.places] == [
        "shop",
        "(called as the role)",
        "(any other database)",
    ]
    as_role = found.places[1]
    assert (as_role.of(Person("ann", "ann")), as_role.is_replication) == ("ann", False)


def test_who_is_said_to_be_in_groups() -> None:
    world = World(population.members([("ann", "team"), ("bob", "team")]))
    found = of(["host all +team all md5"], world=world)
    assert [each.label for each in found.people] == [
        "ann",
        "bob",
        "(any member of team)",
        "(any other role)",
    ]
    assert found.world.is_member("bob", "team")


def test_a_group_that_is_named_as_a_role_is_one() -> None:
    labels = [each.label for each in of(["host all dba,+dba,+team all md5"]).people]
    assert labels == ["dba", "(any member of dba)", "(any member of team)", "(any other role)"]


def test_a_role_of_each_kind_that_a_map_makes() -> None:
    ident = ("m /^(.*)$ app_\\1", "m /^(.*)@x$ \\1", "m /^(.*)@y$ \\1_ro", "m x plain\\1")
    people = {each.label: each.name for each in of(["local all all peer map=m"], ident).people}
    assert list(people) == [
        "plain\\1",
        "(any called app_*)",
        "(any called *_ro)",
        "(any other role)",
    ]
    assert people["(any called app_*)"].startswith("app_")


@settings(max_examples=150, deadline=None)
@given(
    SERVERS, st.sampled_from(["ann", "bob", "zb", "q", "a9", "q_x", "Z", "team", "all", "+team"])
)
def test_nobody_is_left_out(server: Server, name: str) -> None:
    """Whoever there may be has the same rules, and the same maps, as somebody in the population."""
    found = population.of_files(server.rules, server.mappings, server.able, World())
    world = World({**found.world.member_of, name: frozenset()})
    server = Server(server.able, server.rules, server.mappings, world)
    matching = Matching(server)

    def seen(each: str) -> tuple[int, int]:
        return matching.of_role(each), matching.closed_to(each)

    expressions = {token.text[1:] for rule in server.rules for token in rule.roles}
    expressions |= {each.role.text[1:] for each in server.mappings}
    kinds = sum(
        compiled(each, 16).matches(name)
        for each in expressions & {"^a", "b$"}
        if server.able.includes
    )
    made = any(each.role.text.endswith("_x") for each in server.mappings) and name.endswith("_x")
    if kinds + made < 2:
        assert seen(name) in {seen(each.name) for each in found.people}


def test_names_are_as_long_as_the_version_keeps_them() -> None:
    long = "r" * 70
    assert of([f"host all {long} all md5"], version=16).people[0].name == "r" * 63
    assert of([f"host all {long} all md5"], version=18).people[0].name == "r" * 63


def test_others_are_nobody_that_a_line_means() -> None:
    found = of(["host all anyone,ANYONE,/^[a-z] all md5"])
    other = found.people[-1]
    assert other.label == "(any other role)"
    assert other.name not in {"anyone", "ANYONE"}
    assert not other.name[0].islower()


def test_expressions_without_a_name_are_told() -> None:
    assert of(["host all /^a(?=b)c$ all md5"]).missed == ["^a(?=b)c$"]
    # Where every name is matched, others are, too.
    assert of(["host all /. all md5"]).people[-1].label == "(any other role)"


def test_bytes_that_are_no_text_are_shown() -> None:
    (first, *_) = of(["host all \udcff all md5"]).people
    assert (first.label, first.name) == ("\\xff", "\udcff")


def test_before_16_a_slash_is_a_letter() -> None:
    for role in ("+team", "all", "/a"):
        (first, *_) = of(["local all all peer map=m"], (f"m x {role}",), version=15).people
        assert (first.label, first.name) == (role, role)
    assert of(["host all /a all md5"], version=15).people[0].name == "/a"


def test_replication() -> None:
    server = server_of(["host replication all all md5"], [], 16, World())
    assert population.names_replication(server.rules)
    (_, place) = of(["host replication all all md5"]).places
    assert (place.label, place.name, place.is_replication) == ("(physical replication)", None, True)
    asked = population.of_server([Person("a", "a")], ["d"], World(), replication=True)
    assert [each.label for each in asked.places] == ["d", "(physical replication)"]


def test_a_member_check_is_made_of_nothing() -> None:
    hba, ident = ["hostssl all all all cert map=m"], ("m /^(.*)$ +\\1",)
    labels = [[each.label for each in of(hba, ident, version).people] for version in (15, 16)]
    assert labels == [
        ["(any called +*)", "(any other role)"],
        ["(any member of \\1)", "(any other role)"],
    ]
