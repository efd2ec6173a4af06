from pgward.hba.syntax.dialects import Cockroach, Yugabyte
from pgward.hba.syntax.reading import expression, grammar
from pgward.hba.syntax.versions import Abilities
from tests.fixtures.hba_examples import Texts


def test_each_dialect_reads_in_its_own_way() -> None:
    files = Texts({"f": "host all /x all cert-password a\n"})
    found = {}
    for able in (Abilities(15), Yugabyte(15), Cockroach()):
        lines = grammar(able).hba_lines("f", files, able)
        found[able.dialect.value] = [each.path for each in lines]
    assert found == {
        "postgresql": ["f"],
        "yugabytedb": ["<built into YugabyteDB>", "f"],
        "cockroachdb": ["<built into CockroachDB>", "f"],
    }


def test_maps_too() -> None:
    files = Texts({"f": 'm "a b" c\n'})
    found = [
        [token.text for field in line.fields for token in field]
        for able in (Abilities(15), Cockroach())
        for line in grammar(able).ident_lines("f", files, able)
    ]
    assert found == [["m", "a b", "c"], ["m", '"a', 'b"', "c"]]


def test_expressions_are_those_of_the_dialect() -> None:
    assert expression("^(a|ab)$", Abilities(15)).groups == 1
    assert expression(r"^\Qa.b\E$", Cockroach()).matches("a.b")
