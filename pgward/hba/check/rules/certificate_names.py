"""What a line asks of a certificate, where versions or their users take it for something else."""

import re

from pgward.hba.check import fixing
from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.versions import OLDEST

_FIRST_STRICT = 14
_ATTRIBUTE = re.compile(r"\s*([A-Za-z][A-Za-z0-9.-]*|[0-9.]+)=")
_ONE_LINE = re.compile(r"/[A-Za-z]+=[^/]*(/[A-Za-z]+=[^/]*)*")
_SEPARATOR = re.compile(r"(?<!\\)[,+]")


@rule(
    "HBA038",
    "clientcert-of-before-14",
    Severity.NOTE,
    "clientcert has a value that PostgreSQL 14 and later refuse",
    why="Until 13 clientcert=1 is verify-ca, 0 and no-verify are nothing, and behind the method "
    "cert verify-ca is verify-full, whatever it says. From 14 on such a line is refused, and with "
    "it the whole file, so that the server does not come up after the upgrade.",
    bad=Example("hostssl all all 10.0.0.0/8 scram-sha-256 clientcert=1", version=13),
    good=Example("hostssl all all 10.0.0.0/8 scram-sha-256 clientcert=verify-ca", version=13),
    fix="writes the word that means the same in this version and in later ones, or takes a 0 out",
)
def before_14(subject: Subject) -> Found:
    """Look for values of 12 and 13; in 11 nothing but 1 works, which is no choice."""
    if not OLDEST < subject.able.version < _FIRST_STRICT:
        return
    for entry in subject.rules:
        value = entry.says.option("clientcert") if entry.says.options else None
        cert = entry.says.method == "cert"
        if value is None or value == "verify-full" or (value == "verify-ca" and not cert):
            continue
        wanted = "verify-full" if cert else "verify-ca" if value == "1" else None
        better = "leave it out" if wanted is None else f"clientcert={wanted} is the same"
        fix = fixing.of_option(subject, entry.line, "clientcert", value, wanted)
        yield entry.place, f"14 and later refuse clientcert={value} here: {better}", fix


@rule(
    "HBA039",
    "name-that-no-certificate-has",
    Severity.WARNING,
    "a map for clientname=DN has a name that is not as PostgreSQL writes it",
    why="It compares the whole name as RFC 2253 writes it: the last part of the certificate's name "
    "first, which mostly is the CN, with commas and without blanks: CN=ann,OU=dba,O=example. What "
    "openssl shows by itself is the other way round, and what begins with a slash is an "
    "expression. Whom it was written for stays outside.",
    bad=Example("hostssl all all all cert clientname=DN map=m", 'm "O=example, CN=ann" ann'),
    good=Example("hostssl all all all cert clientname=DN map=m", 'm "CN=ann,O=example" ann'),
)
def dn(subject: Subject) -> Found:
    """Look at names in maps that only lines with clientname=DN name."""
    named: dict[str, bool] = {}
    for entry in subject.rules:
        map_ = entry.says.option("map") if entry.says.options else None
        if map_:
            named[map_] = named.get(map_, True) and entry.says.option("clientname") == "DN"
    for mapping in subject.mappings:
        if named.get(mapping.says.map):
            said = _not_so_written(mapping.says.system.text)
            if said is not None:
                where = mapping.line.at(BadLineError("", 1))
                yield where, f"{mapping.says.system.text}: {said}"


def _not_so_written(name: str) -> str | None:
    if name.startswith("/"):
        one_line = _ONE_LINE.fullmatch(name)
        return "it begins with a slash, so it is an expression, and no name" if one_line else None
    parts = _SEPARATOR.split(name)
    found = [_ATTRIBUTE.match(each) for each in parts]
    if not all(found):
        return "it is no DN, which is what PostgreSQL compares with here"
    if any(each.startswith(" ") for each in parts):
        return "PostgreSQL writes no blanks behind the commas"
    kinds = [each[1].upper() for each in found if each is not None]
    if len(kinds) > 1 and kinds[-1] == "CN" and "CN" not in kinds[:-1]:
        return "PostgreSQL mostly writes the CN first: this looks the other way round"
    return None


RULES = (before_14, dn)
