import pytest

from pgward.hba.decide.connection import World
from pgward.hba.decide.mapping import BadMapError, find, may_be
from pgward.hba.decide.server import Server
from pgward.hba.syntax import mappings
from pgward.hba.syntax.tokens import fields
from pgward.hba.syntax.versions import Abilities

WORLD = World({"ann": frozenset({"team"}), "team": frozenset()})


def server(version: int, *lines: str) -> Server:
    able = Abilities.of(version)
    return Server(able, (), [mappings.read(fields(line), able) for line in lines], WORLD)


@pytest.mark.parametrize(
    ("version", "line", "system", "role", "fits"),
    [
        (15, "m ann ann", "ann", "ann", True),
        (15, "m Ann ann", "ann", "ann", False),
        (15, r"m /^(.*)@x\.org$ \1", "ann@x.org", "ann", True),
        (15, r"m /^(.*)@x\.org$ \1", "ann@y.org", "ann", False),
        (15, r"m /^(.*)@x\.org$ app_\1_\1", "ann@x.org", r"app_ann_\1", True),
        (15, "m /lic bob", "alice", "bob", True),
        (15, "m ann all", "ann", "other", False),
        (16, "m ann all", "ann", "other", True),
        (16, 'm ann "all"', "ann", "other", False),
        (16, "m boss +team", "boss", "ann", True),
        (15, "m boss +team", "boss", "ann", False),
        (16, "m boss /^a", "boss", "ann", True),
        (15, "m boss /^a", "boss", "ann", False),
        (16, r"m /^(.*)@x$ \1", "all@x", "ann", False),  # what is put in is a name
        (16, r"m /^(.*)@x$ \1", "+team@x", "ann", False),
    ],
)
def test_what_a_line_lets_through(version, line, system, role, fits) -> None:
    assert may_be(server(version, line), "m", system, role) is fits


def test_the_first_line_that_lets_it_through() -> None:
    found = server(15, "other ann ann", "m bob ann", "m ann ann", "m ann ann")
    assert find(found, "m", "ann", "ann") == 2
    assert find(found, "m", "eve", "ann") is None


def test_a_group_that_is_not_there_ends_the_search() -> None:
    broken = server(15, r"m /^ann$ \1", "m ann ann")
    with pytest.raises(BadMapError, match="no group"):
        find(broken, "m", "ann", "ann")
    assert not may_be(broken, "m", "ann", "ann")


def test_without_a_map_the_names_are_the_same() -> None:
    for named in (None, ""):
        assert may_be(server(15), named, "ann", "ann")
        assert not may_be(server(15), named, "ann", "bob")


def test_a_member_check_takes_no_group() -> None:
    lines = (r"m /^ann$ +\1", "m ann ann")
    assert find(server(16, *lines), "m", "ann", "ann") == 1
    with pytest.raises(BadMapError):
        find(server(15, *lines), "m", "ann", "ann")
    assert find(server(16, r'm /^(.*)$ "+\1"'), "m", "ann", "+ann") == 0
