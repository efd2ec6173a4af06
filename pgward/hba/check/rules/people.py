"""Superusers and replication: who gets everything at once, and from where.

Who is a member of what is in no file, so a superuser that a line names by a group is not seen.
"""

import functools
from collections.abc import Iterator

from pgward.hba.check.finding import Severity
from pgward.hba.check.reached import Way, left, once
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Entry, Subject
from pgward.hba.check.wording import lets, listed
from pgward.hba.decide.mapping import GROUP, takes_group
from pgward.hba.decide.names import role_is_meant
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.rules import LOCAL, Rule, asks_for_certificate
from pgward.hba.syntax.tokens import Field, Token

_EVERYONE = (Token("all"),)
_REPLICATION = Token("replication")
_KERBEROS = frozenset({"gss", "sspi"})


@rule(
    "HBA028",
    "superuser-without-certificate",
    Severity.ERROR,
    "a superuser gets in from other machines without a certificate",
    why="A superuser reads every row, runs programs on the server and hides the traces. Nothing "
    "but a password, which can be guessed, shared or found in a script, stands before that.",
    bad=Example("hostssl all all 10.0.0.0/8 scram-sha-256"),
    good=Example(
        "host all postgres all reject\nhostssl all all 10.0.0.0/8 scram-sha-256\nlocal all all peer"
    ),
)
def without_certificate(subject: Subject) -> Found:
    """Follow each superuser through the lines, and look where no certificate is asked for."""
    for way, who in _superusers(subject):
        if not asks_for_certificate(way.rule, subject.able):
            yield way.place, f"{lets(way.rule, who)} without a certificate"


@rule(
    "HBA029",
    "superuser-over-the-network",
    Severity.NOTE,
    "a superuser gets in from other machines with a certificate",
    why="This may be meant, and most files that ask everyone for a certificate say it, so it is no "
    "more than a note. But one certificate too many, by mistake at the CA or stolen, is then the "
    "whole server; a line above that rejects superusers leaves them the Unix socket.",
    bad=Example("hostssl all all all cert"),
    good=Example("hostssl all postgres all reject\nhostssl all all all cert"),
)
def with_certificate(subject: Subject) -> Found:
    """Follow each superuser through the lines, and look where a certificate is asked for."""
    for way, who in _superusers(subject):
        if asks_for_certificate(way.rule, subject.able):
            how = "" if way.rule.method == "cert" else " with a certificate"
            yield way.place, lets(way.rule, who) + how


@rule(
    "HBA030",
    "replication-without-certificate",
    Severity.WARNING,
    "physical replication is open to other machines without a certificate",
    why="Who may replicate takes a copy of everything, all databases and all stored passwords, and "
    "no permission inside any of them says otherwise.",
    bad=Example("hostssl replication all 10.0.0.0/8 scram-sha-256"),
    good=Example("hostssl replication standby 10.0.0.0/8 cert\nlocal replication all peer"),
)
def replication(subject: Subject) -> Found:
    """Look among the lines for physical replication alone."""
    meant = (
        Entry(each.line, each.says._replace(databases=(_REPLICATION,)), each.number)
        for each in subject.rules
        if _REPLICATION in each.says.databases
    )
    for way in left(meant):
        if way.is_in and way.is_remote and not asks_for_certificate(way.rule, subject.able):
            yield way.place, f"{lets(way.rule)} without a certificate"


def _superusers(subject: Subject) -> list[tuple[Way, str]]:
    """Return the lines that let superusers in from other machines, and who they are.

    Physical replication is another rule's.
    """
    return once(subject, "superusers from other machines", lambda: list(_follow(subject)))


def _follow(subject: Subject) -> Iterator[tuple[Way, str]]:
    found: dict[int, tuple[Way, list[str]]] = {}
    may_be = _Names(subject)
    for name in sorted(subject.superusers):
        for way in left(_as_seen_by(subject, name)):
            if way.is_in and way.is_remote and may_be.by(way.rule, name):
                found.setdefault(way.entry.number, (way, []))[1].append(name)
    for _, (way, names) in sorted(found.items(), key=lambda each: each[0]):
        what = "superuser" if len(names) == 1 else "superusers"
        yield way, f"{what} {listed(names)}"


def _as_seen_by(subject: Subject, name: str) -> Iterator[Entry[Rule]]:
    """Yield the rules that mean a role, each for it and for databases alone."""

    @functools.cache
    def means(roles: Field) -> bool:
        return role_is_meant(subject.server, roles, name)

    for each in subject.rules:
        says = each.says
        if says.kind == LOCAL or not means(says.roles):
            continue
        if _REPLICATION in says.databases:
            left_over = tuple(one for one in says.databases if one != _REPLICATION)
            if not left_over:
                continue
            says = says._replace(databases=left_over)
        if says.roles != _EVERYONE:
            says = says._replace(roles=_EVERYONE)
        yield each if says is each.says else Entry(each.line, says, each.number)


class _Names:
    """Who may be whom by the name that something outside of PostgreSQL gives them."""

    def __init__(self, subject: Subject) -> None:
        self._server = subject.server
        self._maps: dict[str, list[Mapping]] = {}
        for each in subject.mappings:
            self._maps.setdefault(each.says.map, []).append(each.says)
        self._known: dict[tuple[str, str], bool] = {}

    def by(self, rule: Rule, name: str) -> bool:
        """Tell whether some name from outside may be a role by a rule."""
        named = rule.option("map") if rule.options else None
        if named:
            key = named, name
            if key not in self._known:
                self._known[key] = any(
                    self._leads(each, name) for each in self._maps.get(named, ())
                )
            return self._known[key]
        if rule.method in _KERBEROS and rule.option("include_realm") in {None, "1"}:
            # A principal with its realm is a role only where a role is called so.
            return "@" in name
        return True

    def _leads(self, mapping: Mapping, name: str) -> bool:
        role = mapping.role
        if takes_group(role, self._server.able):
            before, _, after = role.text.partition(GROUP)
            known = len(before) + len(after)
            return name.startswith(before) and name.endswith(after) and len(name) >= known
        if not self._server.able.includes:
            return role.text == name
        return role_is_meant(self._server, [role], name)


RULES = (without_certificate, with_certificate, replication)
