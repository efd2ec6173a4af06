import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of

USED = "hostssl all all all cert map=m\n"


def found(rule: str, hba: str, ident: str = "", version: int = 16) -> list[tuple[str, str]]:
    subject = subject_of(Example(hba, ident, version=version))
    return [(str(each.place), each.message) for each in BY_ID[rule].findings(subject)]


def test_a_map_without_lines() -> None:
    hba = USED + "local all all peer map=n\nhostssl all all all cert"
    assert found("HBA024", hba, "n root ann") == [
        ("/hba:1", "lets nobody in: the map m has no line in pg_ident.conf")
    ]
    assert found("HBA024", "local all all peer map=", "n root ann") == []


def test_names_of_maps_are_compared_as_they_are() -> None:
    assert found("HBA024", USED, "M ann ann")
    assert not found("HBA024", 'local all all peer map="a b"', '"a b" ann ann')


def test_a_map_with_a_refused_line_is_not_called_empty() -> None:
    assert found("HBA002", USED, "m ann")
    assert found("HBA024", USED, "m ann") == []


def test_a_map_that_nothing_names_is_told_once() -> None:
    assert found("HBA025", USED, "m a a\nn a a\nn b b\no a a") == [
        ("/ident:2", "no line of pg_hba.conf names the map n"),
        ("/ident:4", "no line of pg_hba.conf names the map o"),
    ]


@pytest.mark.parametrize(
    "ident",
    [
        r"m /^(.*)@.*$ \1",
        r"m /^(.*)@.+$ \1",
        r"m /(.*)@.* \1",
        r"m /^([^@]+)@[^@]+$ \1",
        r"m /^(.*?)@.*$ \1",
        r"m /^[^/]*/(.*)$ \1",
        r"m /^(.*)\.[a-z.]*$ \1",
        r"m /^(\w+)\. \1",
        "m /^.*$ all",
        r"m /^.*@example\.com$ all",
        "m /^admin_.*$ /.*",
        "m /^admin_.*$ /^.*$",
        'm /^.*$ "/.*"',
    ],
)
def test_everyone_may_be_anyone(ident: str) -> None:
    assert len(found("HBA026", USED, ident)) == 1


@pytest.mark.parametrize(
    "ident",
    [
        r"m /^(.*)$ \1",
        r"m /^(.*)@example\.com$ \1",
        r"m /^(.*)@([a-z]+\.)?example\.com$ \1",
        r"m /^EXAMPLE/(.*)$ \1",
        r'm "/^CN=([^,]*),.*$" \1',
        r"m /^(.*)@.*$ app_\1",
        "m /^.*$ app",
        "m boss all",
        r"m /^boss@example\.com$ all",
        'm /^.*$ "all"',
        "m /^.*$ +readers",
        "m /^.*$ /^app_.*$",
        "n /^.*$ all",
    ],
)
def test_maps_that_are_usual(ident: str) -> None:
    assert found("HBA026", USED, ident) == []


@pytest.mark.parametrize("version", range(11, 19))
def test_any_role_by_version(version: int) -> None:
    ident = "m /^.*$ all\nm /^.*$ /.*\nm root +dba"
    assert len(found("HBA026", USED, ident, version)) == (2 if version >= 16 else 0)
    said = [message for _, message in found("HBA027", USED, ident, version)]
    assert said == (
        []
        if version >= 16
        else [
            f"lets nobody be all: PostgreSQL {version} takes the word for a name",
            f"lets nobody be /.*: PostgreSQL {version} takes the expression for a name",
            f"lets nobody be +dba: PostgreSQL {version} takes the group for a name",
        ]
    )


@pytest.mark.parametrize("version", [11, 15, 16, 18])
@pytest.mark.parametrize(
    ("ident", "is_found"),
    [
        (r"m /^.*$ \1", True),
        (r"m /^.*$ app_\1", True),
        (r"m /^(?:.*)$ \1", True),
        (r"m ann \1", True),
        (r"m /^(.*)$ \1", False),
        (r"m /^(.*)$ app_\1", False),
        ("m /^.*$ ann", False),
        ('m root "+dba"', False),
        ('m root "all"', False),
        ("m root allan", False),
    ],
)
def test_mappings_for_nobody(ident: str, is_found: bool, version: int) -> None:
    assert bool(found("HBA027", USED, ident, version)) == is_found


def test_a_reference_inside_an_expression_is_none_to_the_name() -> None:
    assert found("HBA027", USED, r"m ann /^(a)\1$") == []


def test_where_a_mapping_for_nobody_stands() -> None:
    assert found("HBA027", USED, r"m  ann  \1") == [
        ("/ident:1:9", r"lets nobody be \1: ann is no expression, so \1 stands for nothing")
    ]
