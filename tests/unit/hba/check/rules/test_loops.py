import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.files import access_lines
from pgward.hba.syntax.versions import Abilities
from tests.fixtures.hba_examples import Texts

LINE = "host all @/roles 10.0.0.0/8 reject\n"


def found(files: dict[str, str], version: int = 15) -> list[str]:
    able = Abilities(version)
    texts = Texts(files)
    subject = Subject(
        able,
        access_lines("/hba", texts, able),
        access_lines("/ident", texts, able) if "/ident" in files else [],
        texts={path: text.encode() for path, text in files.items()},
    )
    return [f"{place}: {message}" for place, message, *_ in BY_ID["HBA009"].look(subject)]


@pytest.mark.parametrize("version", range(11, 19))
def test_a_list_that_names_itself(version) -> None:
    files = {"/hba": f"local all all peer\n{LINE}", "/roles": "ann\n@roles\n"}
    said = ["/hba:2: a reload ends the server: /hba leads to /roles leads to /roles"]
    assert found(files, version) == (said if version < 16 else [])


def test_a_way_round() -> None:
    files = {"/hba": LINE, "/roles": "ann, @/more/a", "/more/a": "@b", "/more/b": "bob\n@/roles"}
    way = "/hba leads to /roles leads to /more/a leads to /more/b leads to /roles"
    assert found(files) == [f"/hba:1: a reload ends the server: {way}"]
    assert len(found({"/hba": "", "/ident": "m @/ident ann"})) == 1


def test_lists_that_end() -> None:
    files = {f"/{number}": f"@/{number + 1}" for number in range(30)}
    assert found({"/hba": LINE, "/roles": "@/0", **files, "/30": "ann"}) == []
    assert found({"/hba": LINE + LINE, "/roles": '"@roles"'}) == []
    assert found({"/hba": "host all all 10.0.0.0/33 md5"}) == []
