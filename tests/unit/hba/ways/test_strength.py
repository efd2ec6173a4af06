import pytest

from pgward.hba.decide.connection import Encryption
from pgward.hba.syntax import rules, tokens
from pgward.hba.syntax.versions import Abilities
from pgward.hba.ways import strength
from pgward.hba.ways.strength import Strength

CLEAR, TLS, GSS = Encryption.NONE, Encryption.TLS, Encryption.GSS


def of(line: str, encryption: Encryption = TLS, version: int = 16) -> str | None:
    able = Abilities(version)
    found = strength.of(rules.read(tokens.fields(line), able), able, encryption)
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("line", "encryption", "version", "wanted"),
    [
        ("host all all all trust", CLEAR, 16, "nothing"),
        ("host all all all reject", CLEAR, 16, None),
        ("host all all all ident", CLEAR, 16, "ident"),
        ("local all all ident", CLEAR, 16, "peer"),
        ("host all all all password", CLEAR, 16, "clear"),
        ("host all all all password", TLS, 16, "password"),
        ("host all all all password", GSS, 16, "password"),
        ("local all all password", CLEAR, 16, "password"),
        ("host all all all pam", CLEAR, 16, "clear"),
        ("host all all all md5", TLS, 16, "md5"),
        ("host all all all scram-sha-256", CLEAR, 16, "scram"),
        ("host all all all gss", CLEAR, 16, "outside"),
        ("hostssl all all all cert", TLS, 11, "certificate"),
        ("hostssl all all all trust clientcert=verify-ca", TLS, 16, "any-certificate"),
        ("hostssl all all all trust clientcert=verify-full", TLS, 16, "certificate"),
        ("hostssl all all all trust clientcert=verify-full", TLS, 11, "nothing"),
        ("hostssl all all all md5 clientcert=1", TLS, 11, "password+any-certificate"),
        ("hostssl all all all md5 clientcert=verify-full", TLS, 12, "certificate+password"),
        ("hostssl all all all ident clientcert=verify-ca", TLS, 16, "any-certificate"),
        ("hostssl all all all gss clientcert=verify-full", TLS, 16, "certificate+password"),
    ],
)
def test_what_a_rule_is_worth(line, encryption, version, wanted) -> None:
    assert of(line, encryption, version) == wanted


def test_the_order() -> None:
    assert [each.rank for each in Strength] == list(range(len(Strength)))
    assert Strength.NOTHING.rank < Strength.MD5.rank < Strength.CERTIFICATE.rank
    assert all(each.meaning for each in Strength)
