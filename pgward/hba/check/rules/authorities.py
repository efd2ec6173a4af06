"""Lines by which somebody else says who it is, or is asked whether a password is right."""

from urllib.parse import urlsplit

from pgward.hba.check.finding import Severity
from pgward.hba.check.reached import ways
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.wording import lets
from pgward.hba.syntax.rules import Rule, asks_for_certificate

_HERE = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


@rule(
    "HBA036",
    "ident-over-the-network",
    Severity.ERROR,
    "the client's own machine says who it is",
    why="PostgreSQL asks the ident server of the machine that the connection comes from. Whoever "
    "has that machine, or its address, answers whatever they like (RFC 1413 itself warns of it).",
    bad=Example("hostssl all all 10.0.0.0/8 ident"),
    good=Example("host all all 127.0.0.1/32 ident\nhostssl all all 10.0.0.0/8 cert"),
)
def ident(subject: Subject) -> Found:
    """Look for ident that other machines reach without a certificate."""
    for way in ways(subject):
        each = way.rule
        asked = asks_for_certificate(each, subject.able)
        if each.method == "ident" and way.is_remote and not asked:
            yield way.place, f"{lets(each)}: their own machine says who they are"


@rule(
    "HBA037",
    "password-passed-on-in-clear",
    Severity.WARNING,
    "the server passes passwords on to another one with little or nothing around them",
    why="With ldap the server sends the password of whoever logs in to the directory, as it is "
    "unless ldaptls=1, ldapscheme=ldaps or an ldaps:// URL says otherwise; with radius nothing "
    "but MD5 and the shared secret hides it. Who listens there has a password that opens more "
    "than this database.",
    bad=Example('hostssl all all 10.0.0.0/8 ldap ldapserver=ldap.example.com ldapprefix="cn="'),
    good=Example(
        "hostssl all all 10.0.0.0/8 ldap ldapserver=ldap.example.com "
        'ldapprefix="cn=" ldapscheme=ldaps'
    ),
)
def passed_on(subject: Subject) -> Found:
    """Look for directories and RADIUS servers on other machines."""
    for way in ways(subject):
        said = _sent(way.rule)
        if said is not None:
            yield way.place, f"{lets(way.rule)}: {said}"


def _sent(rule_: Rule) -> str | None:
    if rule_.method == "radius":
        servers = (rule_.option("radiusservers") or "").split(",")
        away = [each.strip().strip('"') for each in servers]
        away = [each for each in away if each not in _HERE]
        return f"MD5 alone hides the password on its way to {', '.join(away)}" if away else None
    if rule_.method != "ldap":
        return None
    url = urlsplit(rule_.option("ldapurl") or "")
    scheme = rule_.option("ldapscheme") or url.scheme
    if scheme.lower() == "ldaps" or rule_.option("ldaptls") == "1":
        return None
    servers = (rule_.option("ldapserver") or url.hostname or "").split()
    away = [each for each in servers if each not in _HERE]
    if servers and not away:
        return None
    where = ", ".join(away) or "the directory"
    return f"the password goes on to {where} as it is, without TLS"


RULES = (ident, passed_on)
