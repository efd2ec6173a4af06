import pytest

from pgward.hba.syntax.options import OptionError, check, without_secrets
from pgward.hba.syntax.versions import Abilities


def said(kind: str, method: str, options: str, version: int) -> str | None:
    given = [each.partition("=")[::2] for each in options.split()]
    try:
        check(kind, method, given, Abilities(version))
    except OptionError as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("kind", "method", "options", "version"),
    [
        ("hostssl", "md5", "clientcert=verify-full", 11),  # taken, as off
        ("hostssl", "md5", "clientcert=1", 13),
        ("hostssl", "cert", "clientcert=verify-ca", 13),  # taken, as verify-full
        ("hostssl", "cert", "map=m clientname=DN", 14),
        ("host", "ldap", "ldapserver=h ldapprefix=a", 15),
        ("host", "ldap", "ldapurl=ldap://h/dc=x", 15),
        ("host", "ldap", "ldapbasedn=dc=x", 15),  # the server is looked for in the DNS
        ("host", "radius", "radiusservers=a,b radiussecrets=x", 15),
        ("host", "oauth", "issuer=i scope=s", 18),
        ("local", "peer", "map=", 15),
    ],
)
def test_options_that_postgresql_takes(kind, method, options, version) -> None:
    assert said(kind, method, options, version) is None


@pytest.mark.parametrize(
    ("kind", "method", "options", "version", "message"),
    [
        ("hostssl", "cert", "clientcert=0", 11, "clientcert=1, or none"),
        ("hostssl", "cert", "clientcert=no-verify", 13, "cannot stand behind the method cert"),
        ("hostssl", "md5", "clientcert=1", 14, "nothing that PostgreSQL 14 knows"),
        ("hostssl", "cert", "clientcert=verify-ca", 14, "takes only clientcert=verify-full"),
        ("host", "md5", "clientcert=verify-ca", 14, "only stand in hostssl"),
        ("hostssl", "cert", "clientname=CN", 13, "knows no option 'clientname'"),
        ("hostssl", "cert", "clientname=cn", 14, "not CN or DN"),
        ("hostssl", "scram-sha-256", "map=m", 15, "only stand behind the methods"),
        ("host", "ldap", "ldapserver=h", 15, "needs ldapbasedn"),
        ("host", "ldap", "ldapprefix=a", 11, "needs ldapserver"),
        ("host", "ldap", "ldapprefix=a ldapbasedn=b", 15, "cannot stand beside"),
        ("host", "ldap", "ldapurl=http://h", 15, "no LDAP URL"),
        ("host", "ldap", "ldapurl=ldap://h/dc=x?uid ldapsearchfilter=f", 15, "ldapsearchfilter"),
        ("host", "radius", "radiussecrets=x", 15, "needs radiusservers"),
        ("host", "radius", "radiusservers=a,b,c radiussecrets=x,y", 15, "must be 1 or 3"),
        ("host", "radius", "radiusservers=a radiussecrets=x,", 15, "an item of a list is empty"),
        ("host", "radius", "radiusservers=a radiussecrets=x radiusports=x", 15, "no port"),
        ("host", "oauth", "issuer=i", 18, "needs scope"),
        ("host", "oauth", "issuer=i scope=s map=m delegate_ident_mapping=1", 18, "beside"),
        ("host", "trust", "what=ever", 15, "knows no option 'what'"),
    ],
)
def test_options_that_postgresql_refuses(kind, method, options, version, message) -> None:
    assert message in str(said(kind, method, options, version))


def test_an_error_says_which_option() -> None:
    with pytest.raises(OptionError) as caught:
        check("hostssl", "cert", [("map", "m"), ("x", "y")], Abilities(15))
    assert caught.value.option == 1
    with pytest.raises(OptionError) as caught:
        check("host", "radius", [], Abilities(15))
    assert caught.value.option is None


def test_lines_without_their_secrets() -> None:
    text = '+host all all all ldap ldapserver=h ldapbindpasswd="a b" ldaptls=1\n #radiussecrets=c\n'
    shown = "+host all all all ldap ldapserver=h ldapbindpasswd=…\n #radiussecrets=…\n"
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (" primary_conninfo = 'host=a password=x y'\n", " primary_conninfo = 'host=a password=…\n"),
        ("+archive_command = 'PGPASSWORD=x sh'\n", "+archive_command = 'PGPASSWORD=…\n"),
        ("-ssl_passphrase_command = 'echo x'\n", "-ssl_passphrase_command=…\n"),
        (
            " primary_conninfo = 'postgresql://r:x@y@db1/'\n",
            " primary_conninfo = 'postgresql://r:…@db1/'\n",
        ),
        (" password_encryption = 'scram-sha-256'\n", None),
        (" ssl_passphrase_command_supports_reload = on\n", None),
        (" # https://www.example.org:8080/x\n", None),
    ],
)
def test_settings_without_their_secrets(line, shown) -> None:
    assert without_secrets(line) == (line if shown is None else shown)
