from ipaddress import ip_address

import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.explaining import Explanation, explain
from pgward.hba.decide.loading import load
from pgward.hba.decide.verdict import Certificate, Evidence, Verdict
from pgward.hba.syntax.dialects import Cockroach
from pgward.hba.syntax.reading import grammar
from tests.fixtures.hba_examples import Texts
from tests.unit.hba.decide.test_loading import loaded

FROM = ip_address("10.0.0.9")
ANN = Evidence(Certificate("ann@x", "CN=ann@x"))


def told(
    hba: str, evidence: Evidence = ANN, ident: str = r"m /^(.*)@x$ \1", *, tls: bool = True
) -> Explanation:
    used = Encryption.TLS if tls else Encryption.NONE
    return explain(loaded(hba, ident), Connection("ann", "shop", FROM, used), evidence)


def test_lines_that_pass_for_one_reason_are_told_together() -> None:
    hba = (
        "local all all peer\nlocal x x peer\n\nhost x all all md5\nhostssl all all all cert map=m\n"
    )
    found = told(hba)
    assert [(each.where, each.count, each.why.name) for each in found.passed] == [
        ("/hba:1-2", 2, "SOCKET"),
        ("/hba:4", 1, "DATABASE"),
    ]
    assert found.to_json() == {
        "passed": [
            {"where": "/hba:1-2", "lines": 2, "why": "it is for the Unix socket"},
            {"where": "/hba:4", "lines": 1, "why": "the database is another"},
        ],
        "decides": "/hba:5",
        "line": "hostssl all all all cert map=m",
        "wants": "a valid client certificate whose CN is mapped to ann by m",
        "let_in": True,
        "verdict": "let in",
        "mapped_by": "/ident:1",
    }


def test_no_line_decides() -> None:
    found = told("local all all peer\n")
    assert (found.decides, found.verdict, found.wants) == (None, Verdict.NO_RULE, "nothing")
    assert found.to_json()["decides"] is None


@pytest.mark.parametrize(
    ("line", "wants"),
    [
        ("host all all all reject", "nothing: it lets nobody in"),
        ("host all all all trust", "nothing: everyone is believed"),
        ("host all all all md5", "a password (md5)"),
        ("hostssl all all all md5 clientcert=verify-ca", "any valid client certificate and a pass"),
        (
            "hostssl all all all md5 clientcert=verify-full",
            "whose CN is ann and a pass",
        ),
        ("hostssl all all all cert clientname=DN", "a valid client certificate whose DN is ann"),
        ("host all all all ident map=m", "a name that is, or is mapped to, ann (ident)"),
    ],
)
def test_what_a_line_wants(line, wants) -> None:
    assert wants in told(line).wants


def test_who_is_mapped_by_which_line() -> None:
    by_system = told("host all all all ident map=m", Evidence(system="ann@x"))
    assert str(by_system.mapped_by and by_system.mapped_by.place) == "/ident:1"
    by_dn = told("hostssl all all all cert map=m clientname=DN", ident='m "CN=ann@x" ann')
    assert (by_dn.verdict, by_dn.mapped_by is not None) == (Verdict.IN, True)
    refused = told("hostssl all all all cert map=m", ident="m other ann")
    assert (refused.verdict, refused.mapped_by) == (Verdict.OTHER_NAME, None)
    unmapped = told("host all all all trust")
    assert unmapped.mapped_by is None


@pytest.mark.parametrize(
    "secret",
    [
        "ldapbindpasswd=hush",
        'ldapbindpasswd="hush, hush"',
        '"ldapbindpasswd=hush hush"',
        "x",
    ],
)
def test_a_line_is_shown_without_its_password(secret) -> None:
    found = told(
        f"host all all all ldap ldapserver=d {'' if secret == 'x' else secret} ldapbasedn=o"
    )
    hidden = "" if secret == "x" else " ldapbindpasswd=…"
    assert found.to_json()["line"] == f"host all all all ldap ldapserver=d{hidden} ldapbasedn=o"


def of_cockroachdb(hba: str, evidence: Evidence, ident: str = "") -> Explanation:
    able, files = Cockroach(), Texts({"/hba": hba, "/ident": ident})
    lines = [
        grammar(able).hba_lines("/hba", files, able),
        grammar(able).ident_lines("/ident", files, able),
    ]
    asked = Connection("Ann", "shop", FROM, Encryption.TLS)
    return explain(load(*lines, able, World()), asked, evidence)


def test_lines_that_are_built_in_have_a_place_too() -> None:
    found = of_cockroachdb("host all all all cert-password map=m", ANN, r"m /^(.*)@x$ \1")
    assert [each.where for each in found.passed] == ["<built into CockroachDB>:1"]
    assert found.verdict is Verdict.IN
    assert found.wants == (
        "a valid client certificate whose CN is mapped to Ann by m, "
        "or else a password (cert-password)"
    )
    assert str(found.mapped_by and found.mapped_by.place) == "/ident:1"


def test_a_secret_is_not_shown_however_it_is_written() -> None:
    hba = (
        "host all all all ldap ldapserver=h ldapport=389 ldapbasedn=a=b ldapbinddn=a=b "
        'ldapsearchattribute=uid ldapsearchfilter=(a=b) ldapbindpasswd="s3 cret"'
    )
    shown = str(of_cockroachdb(hba, Evidence()).to_json())
    assert "s3" not in shown
    assert "cret" not in shown


def test_what_cockroachdb_refuses() -> None:
    with pytest.raises(InvalidInputError, match=r"/hba:1:14: 'x/8' is no CIDR address"):
        of_cockroachdb("host all all x/8 cert", Evidence())
