import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of

USED = "hostssl all all all cert map=m\n"


def found(rule: str, hba: str, ident: str = "", version: int = 16) -> list[tuple[str, str]]:
    subject = subject_of(Example(hba, ident, version=version))
    assert [*subject.hba_problems, *subject.ident_problems] == []
    return [(str(each.place), each.message) for each in BY_ID[rule].findings(subject)]


def test_an_unanchored_name_is_shown_where_it_stands() -> None:
    assert found("HBA020", "hostssl a,/lic bob,/^x$,/y all cert") == [
        ("/hba:1:11", "/lic matches every database that has it anywhere in its name"),
        ("/hba:1:25", "/y matches every role that has it anywhere in its name"),
    ]


def test_quotes_make_no_letter_of_a_slash() -> None:
    assert found("HBA020", 'hostssl all "/lic" all cert')
    assert found("HBA021", 'hostssl all "/lic" all cert', version=15)


@pytest.mark.parametrize("version", range(11, 19))
def test_a_slash_in_a_rule_by_version(version: int) -> None:
    hba = "hostssl /^a /@b.com$ all cert\nlocal a/b ann peer"
    counts = {each: len(found(each, hba, version=version)) for each in ("HBA020", "HBA021")}
    assert counts == ({"HBA020": 2, "HBA021": 0} if version >= 16 else {"HBA020": 0, "HBA021": 2})
    assert bool(found("HBA023", hba, version=version)) == (version >= 16)


@pytest.mark.parametrize("name", ["/^app_.*", "/.*", "/^a$|^b$", "lic", "+lic"])
def test_names_that_are_whole(name: str) -> None:
    assert found("HBA020", f"hostssl {name} {name} all cert") == []


@pytest.mark.parametrize("version", range(11, 19))
def test_an_unanchored_map_in_every_version(version: int) -> None:
    assert found("HBA022", USED, "m ann ann\nm /lic alice", version) == [
        ("/ident:2:3", "lets whoever has /lic anywhere in their name be alice")
    ]


@pytest.mark.parametrize(
    "ident",
    [
        "m lic alice",
        r"m /^(.*)@example\.com$ \1",
        r"m /(.*)@example\.com$ \1",
        "m /^ann$|^bob$ both",
        "unused /lic alice",
        "unused /@example.com alice",
    ],
)
def test_maps_that_say_what_they_mean(ident: str) -> None:
    assert found("HBA022", USED, ident) == []
    assert found("HBA023", USED, ident) == []


def test_dots_in_maps_and_names() -> None:
    assert found("HBA023", USED + "host all /^.*@b.org$ all md5", r"m /^(.*)@a\.b.com$ \1") == [
        ("/hba:2:10", "a dot in @b.org stands for any letter"),
        ("/ident:1:3", r"a dot in @a\.b.com stands for any letter"),
    ]
