"""Whether evidence satisfies the rule that decided (``ClientAuthentication`` in auth.c)."""

from dataclasses import dataclass
from enum import StrEnum

from pgward.hba.decide import mapping
from pgward.hba.decide.connection import Connection, Encryption
from pgward.hba.decide.server import Server
from pgward.hba.syntax.rules import Rule, asks_for_certificate
from pgward.hba.syntax.versions import Abilities

PASSWORD_METHODS = frozenset({"password", "md5", "scram-sha-256", "ldap", "radius", "pam", "bsd"})
OUTSIDE_METHODS = frozenset({"gss", "sspi", "ident", "peer", "oauth", "jwt"})
# Of CockroachDB: who shows a certificate is asked for no more, who does not for a password.
EITHER_METHODS = frozenset({"cert-password", "cert-scram-sha-256"})
# Of YugabyteDB: only its own processes have the key.
INTERNAL_METHODS = frozenset({"yb-tserver-key"})
MAPPED_METHODS = frozenset({"cert", "cert-password"})


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
    NO_TLS = "the server takes nobody over the network without TLS"
    NO_RULE = "no line matches"
    UNUSABLE = "the method cannot be used over this kind of connection"
    REJECTED = "the line rejects"
    NO_CERTIFICATE = "a valid client certificate is needed"
    OTHER_NAME = "the certificate's name may not be this role"
    UNPROVED = "the password is wrong or missing"
    INTERNAL = "only the server's own processes can log in so"
    OTHER_SYSTEM_NAME = "who the system says may not be this role"


def judge(server: Server, rule: Rule | None, connection: Connection, evidence: Evidence) -> Verdict:
    """Return what becomes of a connection to an existing role and database; raise BeyondUsError."""
    able, local = server.able, connection.address is None
    tls = connection.encryption is Encryption.TLS
    if not (able.without_tls or local or tls):
        return Verdict.NO_TLS
    if rule is None:
        return Verdict.NO_RULE
    if not able.usable(rule.method, local=local, tls=tls):
        return Verdict.UNUSABLE
    if asks_for_certificate(rule, server.able) and evidence.certificate is None:
        return Verdict.NO_CERTIFICATE
    if rule.method == "reject":
        return Verdict.REJECTED
    role = server.able.received(connection.user)
    return _proof(server, rule, role, evidence) or _name(server, rule, role, evidence)


def _proof(server: Server, rule: Rule, role: str, evidence: Evidence) -> Verdict | None:
    """Return how the method itself refuses, or None when it does not."""
    either = rule.method in EITHER_METHODS and evidence.certificate is None
    if (either or rule.method in PASSWORD_METHODS) and not evidence.password:
        return Verdict.UNPROVED
    if rule.method in INTERNAL_METHODS:
        return Verdict.INTERNAL
    if rule.method in OUTSIDE_METHODS:
        system, named = outside_name(server, rule, evidence), rule.option("map")
        if system is None or not mapping.may_be(server, named, system, role):
            return Verdict.OTHER_SYSTEM_NAME
    return None


def outside_name(server: Server, rule: Rule, evidence: Evidence) -> str | None:
    """Return who a rule's method takes the client for, where another authority says it."""
    said = evidence.system
    return None if said is None else server.able.principal(rule.method, rule.options, said)


def _name(server: Server, rule: Rule, role: str, evidence: Evidence) -> Verdict:
    """Return whether the certificate's name may be the role, where that is asked."""
    shown = evidence.certificate
    if shown is None or not binds_name(rule, server.able):
        return Verdict.IN
    name = shown.dn if rule.option("clientname") == "DN" else shown.name
    named = rule.option("map") if rule.method in MAPPED_METHODS else None
    fits = bool(name) and mapping.may_be(server, named, server.able.folded(name), role)
    return Verdict.IN if fits else Verdict.OTHER_NAME


def binds_name(rule: Rule, able: Abilities) -> bool:
    """Tell whether a certificate's name must be the role, or be mapped to it, where one counts."""
    if rule.method == "cert" or rule.method in EITHER_METHODS:
        return True
    full = rule.kind == "hostssl" and rule.option("clientcert") == "verify-full"
    return full and able.clientcert_name is not None
