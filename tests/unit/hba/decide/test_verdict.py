from ipaddress import ip_address

import pytest

from pgward.hba.check.rule import Example
from pgward.hba.decide.connection import Connection, Encryption
from pgward.hba.decide.deciding import decide
from pgward.hba.decide.server import Server
from pgward.hba.decide.verdict import Certificate, Evidence, Verdict, judge
from pgward.hba.syntax import mappings, rules
from pgward.hba.syntax.addresses import Word
from pgward.hba.syntax.dialects import Cockroach, Yugabyte
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Token, fields
from pgward.hba.syntax.versions import Abilities, Dialect
from tests.fixtures.hba_examples import subject_of

ANN = Evidence(Certificate("ann", "CN=ann,O=x"))
BOB = Evidence(Certificate("bob", "CN=bob,O=x"))
NOTHING = Evidence()
NOBODY = Evidence(Certificate(""))
KNOWN = Evidence(password=True)
BOTH = Evidence(Certificate("ann"), password=True)
WRONG = Evidence(Certificate("bob"), password=True)


def verdict(line: str, evidence: Evidence, version: int = 18, *maps: str) -> Verdict:
    able = Abilities.of(version)
    rule = rules.read(fields(line), able)
    server = Server(able, [rule], [mappings.read(fields(each), able) for each in maps])
    where = Connection("ann", "db", ip_address("10.0.0.1"), Encryption.TLS)
    return judge(server, rule, where, evidence)


@pytest.mark.parametrize(
    ("line", "evidence", "version", "expected"),
    [
        ("host all all all trust", NOTHING, 18, Verdict.IN),
        ("host all all all reject", NOTHING, 18, Verdict.REJECTED),
        ("hostssl all all all reject clientcert=verify-ca", KNOWN, 18, Verdict.NO_CERTIFICATE),
        ("host all all all md5", KNOWN, 18, Verdict.IN),
        ("host all all all md5", ANN, 18, Verdict.UNPROVED),
        ("hostssl all all all cert", ANN, 18, Verdict.IN),
        ("hostssl all all all cert", BOB, 18, Verdict.OTHER_NAME),
        ("hostssl all all all cert", NOBODY, 18, Verdict.OTHER_NAME),
        ("hostssl all all all cert", KNOWN, 18, Verdict.NO_CERTIFICATE),
        ("hostssl all all all cert clientcert=verify-ca", BOB, 13, Verdict.OTHER_NAME),
        ("hostssl all all all md5 clientcert=verify-full", BOTH, 18, Verdict.IN),
        ("hostssl all all all md5 clientcert=verify-full", WRONG, 18, Verdict.OTHER_NAME),
        ("hostssl all all all md5 clientcert=verify-full", ANN, 18, Verdict.UNPROVED),
        ("hostssl all all all md5 clientcert=verify-ca", WRONG, 18, Verdict.IN),
        ("hostssl all all all trust clientcert=verify-full", Evidence(), 11, Verdict.IN),
        (
            "hostssl all all all trust clientcert=verify-full",
            Evidence(),
            12,
            Verdict.NO_CERTIFICATE,
        ),
        ("host all all all ident", Evidence(system="ann"), 18, Verdict.IN),
        ("host all all all ident", Evidence(system="bob"), 18, Verdict.OTHER_SYSTEM_NAME),
        ("host all all all ident", NOTHING, 18, Verdict.OTHER_SYSTEM_NAME),
    ],
)
def test_what_evidence_is_worth(line, evidence, version, expected) -> None:
    assert verdict(line, evidence, version) is expected


def test_a_map_and_the_whole_name() -> None:
    line = "hostssl all all all cert map=m clientname=DN"
    assert verdict(line, ANN, 18, 'm "CN=ann,O=x" ann') is Verdict.IN
    assert verdict(line, ANN, 18, "m ann ann") is Verdict.OTHER_NAME


def test_without_a_rule_nobody_gets_in() -> None:
    able = Abilities.of(18)
    where = Connection("ann", "db", None)
    assert judge(Server(able, ()), None, where, KNOWN) is Verdict.NO_RULE


CARD = Certificate("Ann")
NET = ip_address("10.0.0.9")


@pytest.mark.parametrize(
    ("line", "address", "encryption", "evidence", "verdict"),
    [
        ("host all all all cert-password", NET, "tls", Evidence(CARD), Verdict.IN),
        ("host all all all cert-password", NET, "tls", Evidence(password=True), Verdict.IN),
        ("host all all all cert-password", NET, "tls", Evidence(), Verdict.UNPROVED),
        (
            *("host all all all cert-password", NET, "tls"),
            *(Evidence(Certificate("bob"), password=True), Verdict.OTHER_NAME),
        ),
        ("host all all all cert-scram-sha-256", NET, "tls", Evidence(CARD), Verdict.IN),
        ("host all all all cert map=m", NET, "tls", Evidence(Certificate("x@ex")), Verdict.IN),
        ("host all all all cert map=m", NET, "tls", Evidence(CARD), Verdict.OTHER_NAME),
        ("host all all all cert map=m map=m", NET, "tls", Evidence(CARD), Verdict.IN),
        ("host all all all cert-password map=m", NET, "tls", Evidence(password=True), Verdict.IN),
        ("host all all all trust", NET, "none", Evidence(), Verdict.NO_TLS),
        ("host all all all reject", NET, "tls", Evidence(CARD), Verdict.REJECTED),
        ("local all all cert", None, "none", Evidence(), Verdict.UNUSABLE),
        ("host all all all peer", NET, "tls", Evidence(system="ann"), Verdict.UNUSABLE),
        ("local all all peer map=m", None, "none", Evidence(system="x@ex"), Verdict.IN),
        ("host all all all gss include_realm=0", NET, "tls", Evidence(system="ann@A"), Verdict.IN),
        (
            *("host all all all gss include_realm=0 krb_realm=B", NET, "tls"),
            *(Evidence(system="ann@A"), Verdict.OTHER_SYSTEM_NAME),
        ),
        ("host all bob all trust", NET, "tls", Evidence(), Verdict.NO_RULE),
    ],
)
def test_of_cockroachdb(line, address, encryption, evidence, verdict) -> None:
    subject = subject_of(Example(line, "m /^x@(ex)$ ann", dialect=Dialect.COCKROACHDB))
    server = subject.server
    connection = Connection("ANN", "db", address, Encryption(encryption))
    index = decide(server, connection).index
    rule = None if index is None else server.rules[index]
    assert judge(server, rule, connection, evidence) is verdict


def test_without_tls_where_cockroachdb_is_told_to() -> None:
    able = Cockroach(takes_plain=True)
    rule = Rule("host", (Token("all"),), (Token("all"),), Word.ALL, "cert")
    server, connection = Server(able, [rule]), Connection("ann", "db", NET)
    assert judge(server, rule, connection, Evidence()) is Verdict.UNUSABLE


def test_only_yugabytedb_itself_has_its_key() -> None:
    rule = Rule("local", (Token("all"),), (Token("all"),), None, "yb-tserver-key")
    evidence = Evidence(password=True, system="postgres")
    connection = Connection("postgres", "db", None)
    assert judge(Server(Yugabyte(15), [rule]), rule, connection, evidence) is Verdict.INTERNAL
