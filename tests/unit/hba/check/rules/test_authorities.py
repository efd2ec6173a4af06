import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of

FAR = "hostssl all all 10.0.0.0/8"
LDAP = f"{FAR} ldap ldapprefix=cn="


def found(rule: str, hba: str, version: int = 16) -> list[str]:
    return [
        message for _, message, *_ in BY_ID[rule].look(subject_of(Example(hba, version=version)))
    ]


@pytest.mark.parametrize(
    ("hba", "count"),
    [
        (f"{FAR} ident", 1),
        ("hostnossl all all samenet ident map=x", 1),
        ("host all all 127.0.0.1/32 ident", 0),
        ("local all all ident", 0),
        (f"{FAR} ident clientcert=verify-full", 0),
        (f"host all all all reject\n{FAR} ident", 0),
    ],
)
def test_ident(hba, count) -> None:
    assert len(found("HBA036", hba)) == count


@pytest.mark.parametrize(
    ("hba", "where"),
    [
        (f"{LDAP} ldapserver=ldap.example.com", "ldap.example.com"),
        (f'{LDAP} ldapserver="localhost other"', "other"),
        (f"{LDAP} ldapserver=localhost", None),
        (f"{LDAP} ldapserver=x ldaptls=1", None),
        (f"{LDAP} ldapserver=x ldaptls=0", "x"),
        (f"{LDAP} ldapserver=x ldapscheme=ldaps", None),
        (f"{FAR} ldap ldapurl=ldaps://x/dc=net?uid", None),
        (f"{FAR} ldap ldapurl=ldap://x/dc=net?uid", "x"),
        (f"{FAR} ldap ldapbasedn=dc=net", "the directory"),  # by the DNS
    ],
)
def test_ldap(hba, where) -> None:
    said = found("HBA037", hba)
    assert [each.partition("goes on to ")[2] for each in said] == (
        [f"{where} as it is, without TLS"] if where else []
    )


@pytest.mark.parametrize(
    ("servers", "away"),
    [("radius.example.com", "radius.example.com"), ("127.0.0.1", None), ('"localhost,b"', "b")],
)
def test_radius(servers, away) -> None:
    said = found("HBA037", f"{FAR} radius radiusservers={servers} radiussecrets=x")
    assert [each.rpartition(" ")[2] for each in said] == ([away] if away else [])
