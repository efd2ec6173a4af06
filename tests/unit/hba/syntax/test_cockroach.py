"""The facts in CockroachDB's own tests of its parser and of its setting, and what lies between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax import cockroach
from pgward.hba.syntax.dialects import Cockroach
from pgward.hba.syntax.files import Placed
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.rules import Rule
from tests.fixtures.hba_examples import Texts

ABLE = Cockroach()
SETTING = cockroach.SETTING
SHORTER = {
    "authentication method": "method",
    "CockroachDB has no rules": "no rules",
    " of a host": "",
}
LDAP = (
    "host all u 127.0.0.1/32 ldap ldapserver=localhost ldapport=636 "
    'ldapbasedn="O=security org,DC=localhost" ldapbinddn="CN=a,DC=localhost" '
    'ldapbindpasswd=p ldapsearchattribute=uid ldapsearchfilter="(memberOf=*)"'
)


def lines(text: str) -> list[Placed]:
    return cockroach.lines("f", Texts({"f": text}), ABLE)


def read(text: str) -> Rule:
    line = lines(text)[-1]
    if line.problem is not None:
        raise line.problem
    return cockroach.read(line.fields, ABLE)


def refused(text: str) -> str:
    line = lines(text)[-1]
    with pytest.raises(BadLineError) as caught:
        read(text)
    said = f"{line.at(caught.value)}: {caught.value.message}".removesuffix(" of CockroachDB")
    for long, short in SHORTER.items():
        said = said.replace(long, short)
    return said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("local", "f:1:6: the line ends before the database"),
        ("local a", "f:1:8: the line ends before the role"),
        ("local a b", "f:1:10: the line ends before the method"),
        ("host a b all", "f:1:13: the line ends before the method"),
        ("host a b", "f:1:9: the line ends before the address"),
        ("host a b 1.1.1.1", "f:1:17: the line ends before the netmask"),
        ("unknown a b c", "f:1:1: 'unknown' is no connection type"),
        ("loopback all all all trust", "f:1:1: 'loopback' is no connection type"),
        ("hostgssenc all all all trust", "f:1:1: 'hostgssenc' is no connection type"),
        ("local a b c d", "f:1:13: the option 'd' is not name=value"),
        ("local all all cert d=", "f:1:20: the option 'd=' is not name=value"),
        ("host a b samehost d", "f:1:10: CockroachDB has no samehost"),
        ("host a b samenet d", "f:1:10: CockroachDB has no samenet"),
        ("host a b 1.1.1.1,2.2.2.2", "f:1:18: there is more than one address"),
        ("host a b 1.1.1.1 255.0.0.0,255.255.0.0 d", "f:1:28: there is more than one netmask"),
        ("host a b 1.1.1.1 abc d", "f:1:18: 'abc' is no IP mask"),
        ("host a b 1.1.1.1 8.0.0.8 d", "f:1:18: the mask 8.0.0.8 is no prefix of an address"),
        ("host a b 1.1.1.1 :: d", "f:1:18: the address 1.1.1.1 and the mask :: do not match"),
        ("host all all 1.1.1/0 cert", "f:1:14: '1.1.1/0' is no CIDR address"),
        ("host all all 010.0.0.0/8 cert", "f:1:14: '010.0.0.0/8' is no CIDR address"),
        ("host all all hostname cert", "f:1:14: CockroachDB looks up no host names: 'hostname'"),
        ('host all all "all" cert', "f:1:14: CockroachDB looks up no host names: 'all'"),
        ('host all all "" cert', "f:1:14: the address is empty"),
        ('"" all all all trust', "f:1:1: '' is no connection type"),
        ('host all all all ""', "f:1:18: '' is no method"),
        ("host all all all md5", "f:1:18: 'md5' is no method"),
        ("host all all all cert#x", "f:1:18: 'cert#x' is no method"),
        ("host all all all a,b", "f:1:20: there is more than one method"),
        ("host db all 0.0.0.0/0 cert", "f:1:6: no rules for one database: 'db' must be all"),
        ('host all,"all" all all cert', "f:1:10: no rules for one database: 'all' must be all"),
        ("host all all all password map=testing", "f:1:27: the method password takes no options"),
        ("host all all all trust map=testing", "f:1:24: the method trust takes no options"),
        (
            "host all all all cert-scram-sha-256 map=m",
            "f:1:37: the method cert-scram-sha-256 takes no options",
        ),
        ("host all all all gss", "f:1:18: the method gss needs include_realm=0 or map"),
        ("host all all all gss include_realm=1", "f:1:22: include_realm must be 0"),
        ("host all all all gss map=m k=v", "f:1:28: the method gss knows no option 'k'"),
        ('host "all all 0.0.0.0/0 trust', "f:1:6: a quoted word does not end"),
        ("#empty", f"f:1:1: no line says anything; for what is built in, {SETTING} is ''"),
    ],
)
def test_what_is_refused(text, said) -> None:
    assert refused(text) == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (" ldapserver=localhost", "", "f:1:25: the method ldap needs ldapserver"),
        (' ldapsearchfilter="(memberOf=*)"', "", "f:1:25: the method ldap needs ldapsearchfilter"),
        ("localhost ldapport", '":invalid" ldapport', "f:1:30: ldapserver is no URL, nor the name"),
        ("636", "007", "f:1:51: ldapport is 389 or 636"),
        ('"O=security org,DC=localhost"', "baseDN", "f:1:64: ldapbasedn is no distinguished name"),
        ("ldapbindpasswd=p", 'ldapbindpasswd=""', "ldapbindpasswd is empty"),
        ("(memberOf=*)", "(*)", "ldapsearchfilter is not of the form (key=value)"),
        ("ldapport=636", "ldapport=636 ldaptls=1", "the method ldap knows no option 'ldaptls'"),
    ],
)
def test_what_is_refused_of_ldap(old, new, said) -> None:
    read(LDAP)
    assert LDAP.count(old) == 1
    assert refused(LDAP.replace(old, new)).endswith(said)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::1/0", "::/0"),
        ("2.3.4.5/8", "2.0.0.0/8"),
        ("fe80::7a31:c1ff:0000:0000/96", "fe80::7a31:c1ff:0:0/96"),
        ("2.3.4.5 255.255.0.0", "2.3.0.0/16"),
        ("fe80:7a31:c1ff:: ffff:fff0::", "fe80:7a30::/28"),
        ("::ffff:10.0.0.1/120", "10.0.0.0/24"),
    ],
)
def test_addresses(address, network) -> None:
    assert str(read(f"host all all {address} cert").address) == network


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ("a,all,b", [("a", True), ("all", False), ("b", True)]),
        ('a,"all"', [("a", True), ("all", True)]),
        ("Ann,+devs,/^x", [("ann", True), ("+devs", True), ("/^x", True)]),
        ("Ὀδυσσεύς", [("ὀδυσσεύς", True)]),
        ('"us ers"', [("us ers", True)]),
    ],
)
def test_roles_are_folded_and_nothing_but_names(roles, said) -> None:
    assert [(each.text, each.quoted) for each in read(f"host all {roles} all cert").roles] == said


@pytest.mark.parametrize(
    ("options", "counting"),
    [
        ("ignored=value", ()),
        ("map=m clientcert=1", (("map", "m"),)),
        ("map=m map=n", ()),
        ('"map=m x"', (("map", "m x"),)),
        ("map= m", (("map", "m"),)),
    ],
)
def test_options_that_count(options, counting) -> None:
    assert read(f"host all all all cert-password {options}").options == counting


def test_no_message_shows_a_secret() -> None:
    line = "host all all all cert ldapbindpasswd=secret"
    (_, one) = lines(line)
    assert [said for *_, said in cockroach.idle_options(one.fields, ABLE)] == [
        "ldapbindpasswd does nothing behind cert"
    ]
    assert refused(f"{line} word") == "f:1:45: a word behind a secret is not name=value"


def test_options_that_do_nothing_are_told() -> None:
    (line,) = lines("host all root all cert-password\nlocal all all peer x=y map=m map=n")[1:]
    found = list(cockroach.idle_options(line.fields, ABLE))
    assert [(field, token) for field, token, _ in found] == [(4, 0), (5, 0), (6, 0)]
    assert [said for *_, said in found] == [
        "x=y does nothing behind peer",
        *["map stands there twice, and so none of both is looked at"] * 2,
    ]
    assert list(cockroach.idle_options(lines(LDAP)[-1].fields, ABLE)) == []


@pytest.mark.parametrize(
    ("first", "own"),
    [
        ("host  all root all cert-password", 0),
        ("host all ROOT,ann all cert-password", 0),
        ("host  all root 127.0.0.1/32 cert-password", 0),
        ("host all root 127.0.0.2/32 cert-password", 1),
        ("host all root 127.0.0.1 255.255.255.255 cert-password", 1),
        ("host all root ::ffff:127.0.0.1/128 cert-password", 1),
        ('host all "root" all cert-password', 1),
        ("host all root,all all cert-password", 1),
        ("host all root all cert-password map=m", 1),
        ("hostssl all root all cert-password", 1),
        ("host all root all cert", 1),
    ],
)
def test_when_the_line_for_root_is_put_first(first, own) -> None:
    found = [each.path for each in lines(f"{first}\nhost all all all cert\n")]
    assert found == [cockroach.OWN] * own + ["f"] * 2


@pytest.mark.parametrize("text", ["", "\n", "\r\n"])
def test_an_empty_setting_stands_for_what_is_built_in(text) -> None:
    found = lines(text)
    assert cockroach.is_default(found)
    assert [cockroach.read(each.fields, ABLE).method for each in found] == [
        *("cert-password", "cert-password", "password")
    ]


WORDS = st.sampled_from(
    ["host", "local", "hostssl", "all", "root", "10.0.0.0/8", "::1/64", "cert", "trust", "map=m"]
) | st.text('aB="#,/.:', min_size=1, max_size=4)


@given(st.lists(WORDS, max_size=7))
def test_whatever_stands_there_is_read_or_refused(words) -> None:
    columns: list[int] = []
    for line in lines(" ".join(words)):
        try:
            if line.problem is not None:
                raise line.problem
            assert cockroach.read(line.fields, ABLE).kind in {"host", "hostssl", "local"}
        except BadLineError as error:
            columns.append(line.at(error).column)
    assert 0 not in columns
