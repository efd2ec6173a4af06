"""Whether evidence satisfies the rule that decided (``ClientAuthentication`` in auth.c)."""

from dataclasses import dataclass
from enum import StrEnum

from pgward.hba.decide import mapping
from pgward.hba.decide.connection import Connection
from pgward.hba.decide.server import Server
from pgward.hba.syntax.rules import Rule, asks_for_certificate
from pgward.hba.syntax.versions import OLDEST, Abilities

PASSWORD_METHODS = frozenset({"password", "md5", "scram-sha-256", "ldap", "radius", "pam", "bsd"})
OUTSIDE_METHODS = frozenset({"gss", "sspi", "ident", "peer", "oauth"})


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate that TLS has let through: its CA is trusted, it is in time and valid.

    ``name`` is its first CN; ``dn`` as PostgreSQL writes it (RFC 2253).
    """

    name: str
    dn: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a client shows; ``system`` is who another authority (the kernel, Kerberos) says."""

    certificate: Certificate | None = None
    password: bool = False
    system: str | None = None


class Verdict(StrEnum):
    """In, or why not."""

    IN = "let in"
    NO_RULE = "no line matches"
    REJECTED = "the line rejects"
    NO_CERTIFICATE = "a valid client certificate is needed"
    OTHER_NAME = "the certificate's name may not be this role"
    UNPROVED = "the password is wrong or missing"
    OTHER_SYSTEM_NAME = "who the system says may not be this role"


def judge(server: Server, rule: Rule | None, connection: Connection, evidence: Evidence) -> Verdict:
    """Return what becomes of a connection to an existing role and database; raise BeyondUsError."""
    if rule is None:
        return Verdict.NO_RULE
    if asks_for_certificate(rule, server.able) and evidence.certificate is None:
        return Verdict.NO_CERTIFICATE
    if rule.method == "reject":
        return Verdict.REJECTED
    role = connection.cut(server.able.version).user
    return _proof(server, rule, role, evidence) or _name(server, rule, role, evidence)


def _proof(server: Server, rule: Rule, role: str, evidence: Evidence) -> Verdict | None:
    """Return how the method itself refuses, or None when it does not."""
    if rule.method in PASSWORD_METHODS and not evidence.password:
        return Verdict.UNPROVED
    if rule.method in OUTSIDE_METHODS:
        system, named = evidence.system, rule.option("map")
        if system is None or not mapping.may_be(server, named, system, role):
            return Verdict.OTHER_SYSTEM_NAME
    return None


def _name(server: Server, rule: Rule, role: str, evidence: Evidence) -> Verdict:
    """Return whether the certificate's name may be the role, where that is asked."""
    shown = evidence.certificate
    if shown is None or not binds_name(rule, server.able):
        return Verdict.IN
    name = shown.dn if rule.option("clientname") == "DN" else shown.name
    named = rule.option("map") if rule.method == "cert" else None
    fits = bool(name) and mapping.may_be(server, named, name, role)
    return Verdict.IN if fits else Verdict.OTHER_NAME


def binds_name(rule: Rule, able: Abilities) -> bool:
    """Tell whether the certificate's name must be the role, or be mapped to it."""
    if rule.method == "cert":
        return True
    full = rule.kind == "hostssl" and rule.option("clientcert") == "verify-full"
    return full and able.version > OLDEST
