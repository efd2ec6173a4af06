import pytest

from pgward.hba.syntax.addresses import Word
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.rules import Rule, asks_for_certificate, kinds, read
from pgward.hba.syntax.tokens import fields
from pgward.hba.syntax.versions import Abilities


def rule(text: str, version: int = 18) -> Rule:
    return read(fields(text), Abilities.of(version))


def test_a_rule_in_parts() -> None:
    found = rule('hostssl a,"all" +g 10.0.0.0 255.0.0.0 cert map=m clientname=DN map=n')
    assert [token.text for token in (*found.databases, *found.roles)] == ["a", "all", "+g"]
    assert (found.kind, str(found.address), found.method) == ("hostssl", "10.0.0.0/8", "cert")
    assert found.options == (("map", "m"), ("clientname", "DN"), ("map", "n"))
    assert (found.option("map"), found.option("none")) == ("n", None)


def test_a_local_rule_has_no_address_and_its_ident_is_peer() -> None:
    found = rule("local all all ident")
    assert (found.address, found.method) == (None, "peer")
    assert rule("host all all all ident").address is Word.ALL


@pytest.mark.parametrize(
    ("text", "version", "field", "token", "message"),
    [
        ("hots all all all md5", 18, 0, 0, "no connection type"),
        ("host,local all", 18, 0, 1, "more than one connection type"),
        ("hostgssenc all all all gss", 11, 0, 0, "no connection type of PostgreSQL 11"),
        ("host", 18, 1, 0, "ends before the database"),
        ("host all", 18, 2, 0, "ends before the role"),
        ("host a,/( all all md5", 18, 1, 1, "not balanced"),
        ("host all /* all md5", 16, 2, 0, "nothing to repeat"),
        ("host all all a,b md5", 18, 3, 1, "more than one address"),
        ("host all all 10.0.0.1 255.0.0.0,x md5", 18, 4, 1, "more than one netmask"),
        ("host all all 10.0.0.1 md5", 18, 4, 0, "no IP mask"),
        ("host all all all md5,trust", 18, 4, 1, "more than one authentication method"),
        ("host all all all oauth", 17, 4, 0, "no authentication method of PostgreSQL 17"),
        ("local all all gss", 18, 3, 0, "not for local"),
        ("host all all all peer", 18, 4, 0, "local lines only"),
        ("host all all all cert", 18, 4, 0, "hostssl lines only"),
        ("host all all all md5 x", 18, 5, 0, "not name=value"),
        ("hostssl all all all cert map=m,clientname=x", 18, 5, 1, "not CN or DN"),
        ("host all all all radius", 18, 4, 0, "needs radiusservers"),
    ],
)
def test_what_a_version_refuses_and_where(text, version, field, token, message) -> None:
    with pytest.raises(BadLineError, match=message) as caught:
        rule(text, version)
    assert (caught.value.field, caught.value.token) == (field, token)


def test_before_16_a_slash_is_a_letter() -> None:
    assert rule("host /( /* all md5", 15).databases[0].text == "/("


@pytest.mark.parametrize(
    ("text", "version", "asks"),
    [
        ("hostssl all all all cert", 18, True),
        ("hostssl all all all md5 clientcert=verify-full", 11, False),
        ("hostssl all all all md5 clientcert=1", 11, True),
        ("hostssl all all all md5 clientcert=verify-ca", 12, True),
        ("hostssl all all all md5 clientcert=no-verify", 13, False),
        ("hostssl all all all md5", 18, False),
    ],
)
def test_which_rules_ask_for_a_certificate(text, version, asks) -> None:
    assert asks_for_certificate(rule(text, version), Abilities.of(version)) is asks


def test_the_connection_types_of_a_version() -> None:
    assert kinds(Abilities.of(18)) - kinds(Abilities.of(11)) == {"hostgssenc", "hostnogssenc"}


def test_what_stands_behind_a_secret_is_not_repeated() -> None:
    with pytest.raises(BadLineError, match="option 'x' is not name=value"):
        rule("host all all all ldap ldapprefix=a x")
    with pytest.raises(BadLineError, match="a word behind a secret is not name=value") as caught:
        rule("host all all all ldap ldapprefix=a ldapbindpasswd=hunter two")
    assert "two" not in str(caught.value)
