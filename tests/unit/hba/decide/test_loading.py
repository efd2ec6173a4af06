import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import World
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.syntax.files import access_lines
from pgward.hba.syntax.versions import Abilities


class Files(dict[str, str]):
    def read(self, path: str) -> bytes:
        return self[path].encode()

    def names(self, directory: str) -> list[str]:
        raise AssertionError(directory)


def loaded(hba: str, ident: str = "", version: int = 16) -> Loaded:
    able = Abilities.of(version)
    files = Files({"/hba": hba, "/ident": ident})
    lines = (access_lines(path, files, able) for path in ("/hba", "/ident"))
    return load(*lines, able, World())


def test_rules_and_mappings_with_their_lines() -> None:
    found = loaded("# x\nlocal all all peer map=m\n\nhost all all all md5\n", "\nm root ann\n")
    assert [rule.kind for rule in found.server.rules] == ["local", "host"]
    assert [str(line.place) for line in found.rule_lines] == ["/hba:2", "/hba:4"]
    assert [each.map for each in found.server.mappings] == ["m"]
    assert [str(line.place) for line in found.mapping_lines] == ["/ident:2"]


def test_what_the_server_would_not_take_is_said_with_its_place() -> None:
    with pytest.raises(InvalidInputError) as caught:
        loaded("local all all magic\nhost all all all md5\n", "m root\n")
    assert str(caught.value) == (
        "PostgreSQL 16 would not take this:"
        " /hba:1:15: 'magic' is no authentication method of PostgreSQL 16\n"
        "/ident:1:7: the line ends before the database role"
    )


def test_many_problems_are_cut() -> None:
    with pytest.raises(InvalidInputError, match="and 5 more"):
        loaded("x\n" * 15)


def test_a_file_without_a_rule_is_not_taken() -> None:
    with pytest.raises(InvalidInputError, match="no line that says anything"):
        loaded("# nothing\n")
