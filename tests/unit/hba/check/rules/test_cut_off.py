import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from pgward.hba.syntax.versions import Dialect
from tests.fixtures.hba_examples import subject_of

USED = "hostssl all all all cert map=m\n"


def found(rule: str, hba: str, ident: str = "", version: int = 16) -> list[tuple[str, str]]:
    subject = subject_of(Example(hba, ident, version=version))
    return [(str(each.place), each.message) for each in BY_ID[rule].findings(subject)]


@pytest.mark.parametrize("version", [11, 15, 16, 18])
@pytest.mark.parametrize(
    ("ident", "left"),
    [
        (r"m /^(.*)@(.*)$ \2", r"\2"),
        (r"m /^(.*)@(.*)$ \1_\2", r"\2"),
        (r"m /^(.*)$ \1_\1", r"\1"),
        (r"m ann \2", r"\2"),
        (r"m /^(.*)$ a\0", r"\0"),
        (r"m /^(.*)$ \1", None),
        (r"m /^(.*)$ app_\1", None),
        (r'm /^(.*)$ "+\1"', None),
        (r"m ann \1\1", None),
        (r"m ann a\b", None),
    ],
)
def test_groups_that_stay(ident, left, version) -> None:
    said = [f"lets people be a role that has {left} in its name, as it stands"]
    assert [message for _, message in found("HBA046", USED, ident, version)] == (
        said if left else []
    )


def test_a_group_behind_a_plus() -> None:
    assert found("HBA046", USED, r"m /^(.*)$ +\1", 15) == []
    assert found("HBA046", USED, r"m /^(.*)$ +\1", 16) == [
        ("/ident:1:11", r"lets people be a role that has \1 in its name, as it stands")
    ]
    assert found("HBA046", USED, r"m ann /^(a)(b)\2$", 16) == []


def test_words_too_many() -> None:
    assert found("HBA047", USED, "m ann ann\nm Ann  Smith  ann, bob # x\nm a b# c") == [
        ("/ident:2:15", "'ann bob' is not read: this lets Ann be Smith")
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hostssl all all all cert map=m#1", ("/hba:1:26", "map=…")),
        ("hostssl all all all cert map=#1", ("/hba:1:26", "map=…")),
        (r"hostssl all a,b#c all cert", ("/hba:1:15", "b")),
        ("hostssl all all all cert#c", ("/hba:1:21", "cert")),
        ('hostssl all "a#b" all cert#c', ("/hba:1:23", "cert")),
        ("hostssl all all all cert #c", None),
        ('hostssl all all all cert map="m#1"', None),
        ('hostssl all all all cert map="m"#1', None),
        ("hostssl all all all cert # c#d", None),
        ("# a#b", None),
    ],
)
def test_a_comment_within_a_word(line, said) -> None:
    wanted = [(said[0], f"{said[1]} ends at the #, and what follows is not read")] if said else []
    assert found("HBA048", line) == wanted


def test_a_comment_within_a_word_of_a_map() -> None:
    ((place, said),) = found("HBA048", USED, "m ann ann#bob")
    assert (place, said.split(" ")[0]) == ("/ident:1:7", "ann")


def test_no_password_is_shown() -> None:
    line = "host all all 10.0.0.0/8 ldap ldapserver=h ldapbindpasswd=geheim#x"
    ((_, said),) = found("HBA048", line)
    assert said.startswith("ldapbindpasswd=… ends")


def test_other_dialects_have_rules_of_their_own() -> None:
    ident = "m /^(.*)$ x\\2\nm ann ann # a#b"
    for rule in ("HBA046", "HBA047", "HBA048"):
        subject = subject_of(Example("host all all all cert", ident, dialect=Dialect.COCKROACHDB))
        assert list(BY_ID[rule].findings(subject)) == []
