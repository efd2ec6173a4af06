"""TLS and passwords in postgresql.conf; nothing is said where it was not looked at."""

import re

from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.values import is_on
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.rules import asks_for_certificate

_CERT = "hostssl all all all cert"
_READY = "ssl = on\nssl_ca_file = 'ca.crt'\nssl_crl_file = 'ca.crl'"
_FIRST_WITH_MINIMUM = 12
_FIRST_WITH_SCRAM = 14
_FIRST_WITH_CRL_DIR = 14
_LAST_WITH_NAMESPACE = 16
_STORED = frozenset({"md5", "scram-sha-256", "password"})
_OLD = ("TLSv1", "TLSv1.1")
_WEAK = frozenset({"ALL", "COMPLEMENTOFALL", "NULL", "ENULL", "ANULL", "EXPORT", "EXP", "LOW"})
_WEAK |= {"RC4", "RC2", "DES", "3DES", "MD5", "SSLV2", "SSLV3", "IDEA", "SEED"}


@rule(
    "HBA040",
    "certificates-without-ca",
    Severity.ERROR,
    "a line asks for a certificate, and the server trusts no CA",
    why="Without ssl_ca_file the server asks nobody for a certificate, and refuses everyone who "
    "meets such a line.",
    bad=Example(_CERT, conf="ssl = on"),
    good=Example(_CERT, conf=_READY),
)
def without_ca(subject: Subject) -> Found:
    """Look at ssl_ca_file where a certificate is asked for."""
    asking = _asking(subject)
    if asking is not None and not subject.setting("ssl_ca_file", ""):
        yield _of(subject, "ssl_ca_file", asking), "ssl_ca_file is not set"


@rule(
    "HBA041",
    "certificates-without-revocation",
    Severity.WARNING,
    "a line asks for a certificate, and revoked ones get in",
    why="Without a revocation list a certificate counts to its end, whoever has it by then: "
    "PostgreSQL knows neither OCSP nor any other way to learn that it was revoked.",
    bad=Example(_CERT, conf="ssl = on\nssl_ca_file = 'ca.crt'"),
    good=Example(_CERT, conf=_READY),
)
def without_revocation(subject: Subject) -> Found:
    """Look at ssl_crl_file and ssl_crl_dir where a certificate is asked for."""
    asking = _asking(subject)
    lists = ["ssl_crl_file"]
    if subject.able.version >= _FIRST_WITH_CRL_DIR:
        lists.append("ssl_crl_dir")
    if asking is not None and not any(subject.setting(name, "") for name in lists):
        yield _of(subject, "ssl_crl_file", asking), f"{' and '.join(lists)} are not set"


@rule(
    "HBA042",
    "old-tls",
    Severity.WARNING,
    "the server speaks TLS of before 2008",
    why="TLS 1.0 and 1.1 have known weaknesses (RFC 8996 forbids them), and whoever stands between "
    "may have both sides use them. In TLS 1.2 and older the name in a client certificate crosses "
    "the network readable.",
    bad=Example(conf="ssl = on\nssl_min_protocol_version = 'TLSv1'"),
    good=Example(conf="ssl = on\nssl_min_protocol_version = 'TLSv1.2'"),
)
def old_tls(subject: Subject) -> Found:
    """Look at ssl_min_protocol_version, which is TLSv1 by default in version 12."""
    version = subject.able.version
    if not _has_tls(subject) or version < _FIRST_WITH_MINIMUM:
        return
    default = "TLSv1" if version == _FIRST_WITH_MINIMUM else "TLSv1.2"
    least = subject.setting("ssl_min_protocol_version", default)
    if not least or least.lower() in {each.lower() for each in _OLD}:
        shown = least or "whatever OpenSSL takes"
        yield _of(subject, "ssl_min_protocol_version"), f"ssl_min_protocol_version is {shown}"


@rule(
    "HBA043",
    "weak-ciphers",
    Severity.WARNING,
    "ssl_ciphers lets weak ciphers in",
    why="Whoever records the traffic may read it later, or now. What OpenSSL means by these words "
    "differs from build to build, too.",
    bad=Example(conf="ssl = on\nssl_ciphers = 'ALL:RC4-SHA'"),
    good=Example(conf="ssl = on\nssl_ciphers = 'HIGH:!aNULL:!3DES'"),
)
def weak_ciphers(subject: Subject) -> Found:
    """Look for weak words in ssl_ciphers where it is set."""
    found = subject.placed_setting("ssl_ciphers")
    if not _has_tls(subject) or found is None or found.setting is None:
        return
    words = re.split(r"[:, ]+", found.setting.value)
    weak = [each for each in words if not each.startswith(("!", "-", "+")) and _is_weak(each)]
    if weak:
        yield found.place, f"ssl_ciphers has {', '.join(weak)}"


@rule(
    "HBA044",
    "passwords-kept-as-md5",
    Severity.WARNING,
    "new passwords are kept as md5",
    why="An md5 hash of a password is as good as the password for logging in by md5, and takes "
    "seconds to guess. Backups have them all.",
    bad=Example(conf="password_encryption = md5"),
    good=Example(conf="password_encryption = 'scram-sha-256'"),
)
def md5(subject: Subject) -> Found:
    """Look at password_encryption, which is md5 by default before version 14."""
    if subject.settings is None:
        return
    default = "scram-sha-256" if subject.able.version >= _FIRST_WITH_SCRAM else "md5"
    value = subject.setting("password_encryption", default)
    if subject.placed_setting("password_encryption") is None and not _takes_passwords(subject):
        return  # what nobody set does no harm where no password is ever asked for
    if value.lower() == "md5" or is_on(value):
        yield _of(subject, "password_encryption"), f"password_encryption is {value}"


@rule(
    "HBA045",
    "names-with-databases",
    Severity.WARNING,
    "db_user_namespace makes other roles of those that pg_hba.conf names",
    why="With it ann in the database shop is the role ann@shop, and lines that name ann mean "
    "somebody else. It was never finished, and version 17 has it no more.",
    bad=Example(conf="db_user_namespace = on", version=15),
    good=Example(conf="db_user_namespace = off", version=15),
)
def namespaces(subject: Subject) -> Found:
    """Look at db_user_namespace."""
    if subject.able.version <= _LAST_WITH_NAMESPACE and is_on(
        subject.setting("db_user_namespace", "off")
    ):
        yield _of(subject, "db_user_namespace"), "db_user_namespace is on"


RULES = (without_ca, without_revocation, old_tls, weak_ciphers, md5, namespaces)


def _has_tls(subject: Subject) -> bool:
    return subject.settings is not None and is_on(subject.setting("ssl", "off"))


def _takes_passwords(subject: Subject) -> bool:
    return any(each.says.method in _STORED for each in subject.rules)


def _asking(subject: Subject) -> Place | None:
    """Return the place of the first line that asks for a certificate, where TLS is on."""
    if not _has_tls(subject):
        return None
    asking = (e for e in subject.rules if asks_for_certificate(e.says, subject.able))
    first = next(asking, None)
    return None if first is None else first.place


def _of(subject: Subject, name: str, otherwise: Place | None = None) -> Place | None:
    found = subject.placed_setting(name)
    return otherwise if found is None else found.place


def _is_weak(word: str) -> bool:
    return any(part in _WEAK for part in re.split("[-+_]", word.upper()))
