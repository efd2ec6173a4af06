"""Who gets in by less than a proof, and what others may read or change on its way."""

from pgward.hba.check.finding import Severity
from pgward.hba.check.reached import Way, ways
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.wording import lets
from pgward.hba.decide.connection import Encryption
from pgward.hba.decide.verdict import binds_name
from pgward.hba.syntax.rules import asks_for_certificate
from pgward.hba.syntax.versions import NEWEST, OLDEST

_CLEARTEXT = frozenset({"password", "ldap", "radius", "pam", "bsd", "cert-password", "jwt"})
# They believe what the client's side says of itself.
_BELIEVING = frozenset({"trust", "ident"})
_OFF = frozenset({"0", "1", "no-verify"})


@rule(
    "HBA013",
    "trust-over-the-network",
    Severity.ERROR,
    "a line lets other machines in and asks for no proof at all",
    why="Whoever reaches the port from there is whichever role they say, a superuser too, and no "
    "log tells who it really was.",
    bad=Example("host all all 10.0.0.0/8 trust"),
    good=Example("host all all 127.0.0.1/32 trust\nhostssl all all 10.0.0.0/8 cert"),
)
def trust_over_the_network(subject: Subject) -> Found:
    """Look for trust that other machines reach without a certificate."""
    for way in ways(subject):
        if _trusts(subject, way) and way.is_remote:
            yield way.place, lets(way.rule)


@rule(
    "HBA014",
    "trust-for-this-machine",
    Severity.WARNING,
    "a line lets everything on this machine in and asks for no proof at all",
    why="Each program and each account of this machine, the web server that was broken into "
    "included, is whichever role it says. Use peer on the Unix socket, scram-sha-256 on loopback.",
    bad=Example("local all all trust"),
    good=Example("local all all peer\nhost all all 127.0.0.1/32 scram-sha-256"),
)
def trust_for_this_machine(subject: Subject) -> Found:
    """Look for trust on the Unix socket and on loopback."""
    for way in ways(subject):
        if _trusts(subject, way) and not way.is_remote:
            yield way.place, lets(way.rule)


@rule(
    "HBA015",
    "network-without-tls",
    Severity.WARNING,
    "a line lets other machines in without TLS, too",
    why="Without TLS whoever is on the way reads all queries and rows, and can change them; and a "
    "client that only prefers TLS can be made to do without.",
    bad=Example("host all all 10.0.0.0/8 scram-sha-256"),
    good=Example("hostnossl all all all reject\nhost all all 10.0.0.0/8 scram-sha-256"),
)
def without_tls(subject: Subject) -> Found:
    """Look for lines that decide about connections that nothing encrypts."""
    for way in ways(subject):
        if way.is_in and way.is_bare:
            also = ", too" if Encryption.TLS in way.by else ""
            yield way.place, f"{lets(way.rule)} without TLS{also}"


@rule(
    "HBA016",
    "cleartext-password",
    Severity.ERROR,
    "a password may cross the network as it is, with nothing around it",
    why="These methods have the client send the password itself. Without TLS whoever is on the way "
    "has it from then on, and with ldap, radius or pam it opens more than this database.",
    bad=Example("host all all 10.0.0.0/8 password"),
    good=Example("hostssl all all 10.0.0.0/8 password"),
)
def cleartext_password(subject: Subject) -> Found:
    """Look for methods that ask for the password itself where nothing encrypts it."""
    for way in ways(subject):
        if way.rule.method in _CLEARTEXT and way.is_bare:
            yield way.place, f"{lets(way.rule)}: the password crosses the network as it is"


@rule(
    "HBA017",
    "md5-password",
    Severity.WARNING,
    "a line takes passwords by md5",
    why="Who reads the stored hash logs in with it as it is, and what crosses the network is "
    "quickly guessed. PostgreSQL 18 calls md5 passwords deprecated. Passwords that are stored for "
    "scram-sha-256 work behind either word, so set them anew first, then change the line.",
    bad=Example("hostssl all all 10.0.0.0/8 md5"),
    good=Example("hostssl all all 10.0.0.0/8 scram-sha-256"),
)
def md5(subject: Subject) -> Found:
    """Look for the method md5."""
    old = f", which is deprecated in {NEWEST}" if subject.able.version >= NEWEST else ""
    for way in ways(subject):
        if way.rule.method == "md5":
            yield way.place, lets(way.rule) + old


@rule(
    "HBA018",
    "any-certificate-is-anyone",
    Severity.ERROR,
    "any valid certificate is enough to be any role of a line",
    why="The certificate is checked, its name is not: whoever has one for themselves, for another "
    "service or for a web server of the same CA is whichever role they say.",
    bad=Example("hostssl all all 10.0.0.0/8 trust clientcert=verify-ca"),
    good=Example("hostssl all all 10.0.0.0/8 trust clientcert=verify-full"),
)
def any_certificate(subject: Subject) -> Found:
    """Look for certificates whose name is nothing, with no other proof."""
    able = subject.able
    for way in ways(subject):
        each = way.rule
        if (
            each.method in _BELIEVING
            and asks_for_certificate(each, able)
            and not binds_name(each, able)
        ):
            yield way.place, f"{lets(each)} with any valid certificate"


@rule(
    "HBA019",
    "clientcert-that-is-off",
    Severity.ERROR,
    "PostgreSQL 11 takes what is written behind clientcert as off",
    why="PostgreSQL 11 knows clientcert=1 alone. All else turns it off without a word, so the line "
    "that reads as the strictest asks for no certificate at all.",
    bad=Example("hostssl all all all scram-sha-256 clientcert=verify-full", version=OLDEST),
    good=Example("hostssl all all all scram-sha-256 clientcert=1", version=OLDEST),
)
def clientcert_off(subject: Subject) -> Found:
    """Look for values of clientcert that are meant to ask, and do not."""
    if subject.able.version > OLDEST:
        return
    for way in ways(subject):
        value = way.rule.option("clientcert")
        if way.is_in and value is not None and value not in _OFF:
            yield way.place, f"{lets(way.rule)} without a certificate: clientcert={value} is off"


def _trusts(subject: Subject, way: Way) -> bool:
    return way.rule.method == "trust" and not asks_for_certificate(way.rule, subject.able)


RULES = (
    trust_over_the_network,
    trust_for_this_machine,
    without_tls,
    cleartext_password,
    md5,
    any_certificate,
    clientcert_off,
)
