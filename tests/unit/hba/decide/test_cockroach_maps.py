import pytest

from pgward.hba.decide import mapping
from pgward.hba.decide.cockroach_maps import ReservedError, find, is_reserved
from pgward.hba.decide.server import Server
from pgward.hba.syntax.cockroach_maps import read
from pgward.hba.syntax.dialects import Cockroach
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.tokens import Token


def server(*lines: str) -> Server:
    able = Cockroach()
    fields = (tuple((Token(word),) for word in line.split()) for line in lines)
    return Server(able, (), [read(each, able) for each in fields])


FOO = server(
    r"foo /^(.*)@cockroachlabs.com$ \1",
    "foo carl@cockroachlabs.com also_carl",
    "foo carl@cockroachlabs.com carl",
    r"one /^(.*)@a$ x\1y\1",
)


@pytest.mark.parametrize(
    ("named", "system", "role", "index"),
    [
        ("foo", "carl@cockroachlabs.com", "carl", 0),
        ("foo", "carl@cockroachlabs.com", "also_carl", 1),
        ("foo", "carl@example.com", "carl", None),
        ("foo", "@cockroachlabs.com", "", None),
        ("missing", "carl", "carl", None),
        ("one", "B@a", r"xby\1", 3),
    ],
)
def test_who_may_be_whom(named, system, role, index) -> None:
    assert find(FOO, named, system, role) == index


def test_a_line_that_leads_to_a_reserved_role_ends_the_search() -> None:
    found = server("m ann ann", "m ann root", "n ann ann")
    with pytest.raises(ReservedError, match="leads 'ann' to root"):
        find(found, "m", "ann", "ann")
    assert not mapping.may_be(found, "m", "ann", "ann")
    assert mapping.may_be(found, "n", "ann", "ann")


def test_what_releases_differ_in_is_not_told() -> None:
    found = server("m ANN ann", r"n /^(.*)@EX$ \1")
    for named, system in (("m", "ann"), ("n", "ann@ex")):
        with pytest.raises(BeyondUsError, match="only newer releases"):
            find(found, named, system, "ann")
    assert find(found, "n", "ann@EX", "ann") == 1


@pytest.mark.parametrize("role", ["root", "node", "public", "none", "pg_x", "crdb_internal_x"])
def test_reserved_roles(role) -> None:
    assert is_reserved(role)
    assert not is_reserved(f"a{role}")
