"""Say which line decides about a connection, why the earlier ones do not, and what it asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgward.hba.decide import mapping
from pgward.hba.decide.connection import Connection
from pgward.hba.decide.deciding import Decision, Mismatch, decide
from pgward.hba.decide.loading import Loaded
from pgward.hba.decide.verdict import (
    EITHER_METHODS,
    INTERNAL_METHODS,
    MAPPED_METHODS,
    OUTSIDE_METHODS,
    PASSWORD_METHODS,
    Evidence,
    Verdict,
    binds_name,
    judge,
    outside_name,
)
from pgward.hba.syntax.files import Placed
from pgward.hba.syntax.options import SECRETS
from pgward.hba.syntax.rules import Rule, asks_for_certificate

_SECRETS = tuple(f"{name}=" for name in SECRETS)


@dataclass(frozen=True, slots=True)
class Passed:
    """Lines one after the other in a file that do not decide for the same reason."""

    first: Placed
    last: Placed
    count: int
    why: Mismatch

    @property
    def where(self) -> str:
        """The file, and its line or lines."""
        first, last = self.first.place, self.last.place
        if first.line != last.line:
            return f"{first.path}:{first.line}-{last.line}"
        return f"{first}" + (f"-{last.column}" if last.column != first.column else "")


@dataclass(frozen=True, slots=True)
class Explanation:
    """``decides`` is None when no line does; ``mapped_by`` the line that lets the name through."""

    passed: tuple[Passed, ...]
    decides: Placed | None
    wants: str
    verdict: Verdict
    mapped_by: Placed | None = None

    def to_json(self) -> Mapping[str, Any]:
        """Return it as plain data."""
        return {
            "passed": [
                {"where": each.where, "lines": each.count, "why": each.why.value}
                for each in self.passed
            ],
            "decides": None if self.decides is None else str(self.decides.place),
            "line": None if self.decides is None else shown(self.decides),
            "wants": self.wants,
            "let_in": self.verdict is Verdict.IN,
            "verdict": self.verdict.value,
            "mapped_by": None if self.mapped_by is None else str(self.mapped_by.place),
        }


def explain(loaded: Loaded, connection: Connection, evidence: Evidence) -> Explanation:
    """Explain what becomes of a connection; raise BeyondUsError."""
    server = loaded.server
    decision = decide(server, connection)
    passed = tuple(_grouped(loaded.rule_lines, decision))
    if decision.index is None:
        verdict = judge(server, None, connection, evidence)
        return Explanation(passed, None, "nothing", verdict)
    rule = server.rules[decision.index]
    verdict = judge(server, rule, connection, evidence)
    by = _mapped_by(loaded, rule, connection, evidence) if verdict is Verdict.IN else None
    wants = wanted(loaded, rule, connection.user)
    return Explanation(passed, loaded.rule_lines[decision.index], wants, verdict, by)


def wanted(loaded: Loaded, rule: Rule, role: str) -> str:
    """Return in words what a rule asks of who wants to be a role."""
    if rule.method == "reject":
        return "nothing: it lets nobody in"
    if rule.method in INTERNAL_METHODS:
        return f"the key of the server's own processes ({rule.method})"
    if rule.method in EITHER_METHODS:
        return f"{_certificate(loaded, rule, role)}, or else a password ({rule.method})"
    parts: list[str] = []
    if asks_for_certificate(rule, loaded.server.able):
        parts.append(_certificate(loaded, rule, role))
    if rule.method in PASSWORD_METHODS:
        parts.append(f"a password ({rule.method})")
    if rule.method in OUTSIDE_METHODS:
        parts.append(f"a name that is, or is mapped to, {role} ({rule.method})")
    return " and ".join(parts) or "nothing: everyone is believed"


def shown(line: Placed) -> str:
    """Return a line as it is written, on one line, without its passwords."""
    return " ".join(line.line.hidden(_SECRETS).split())


def _certificate(loaded: Loaded, rule: Rule, role: str) -> str:
    if not binds_name(rule, loaded.server.able):
        return "any valid client certificate"
    what = "DN" if rule.option("clientname") == "DN" else "CN"
    named = rule.option("map") if rule.method in MAPPED_METHODS else None
    how = f"is mapped to {role} by {named}" if named else f"is {role}"
    return f"a valid client certificate whose {what} {how}"


def _grouped(lines: Sequence[Placed], decision: Decision) -> Iterator[Passed]:
    start = 0
    passed = decision.passed
    for end in range(1, len(passed) + 1):
        first = lines[start]
        same = end < len(passed) and passed[end] is passed[start] and lines[end].path == first.path
        if not same:
            yield Passed(first, lines[end - 1], end - start, passed[start])
            start = end


def _mapped_by(
    loaded: Loaded, rule: Rule, connection: Connection, evidence: Evidence
) -> Placed | None:
    named = rule.option("map")
    able = loaded.server.able
    shown_name = None
    if rule.method in OUTSIDE_METHODS:
        shown_name = outside_name(loaded.server, rule, evidence)
    elif rule.method in MAPPED_METHODS and evidence.certificate is not None:
        by_dn = rule.option("clientname") == "DN"
        shown_name = able.folded(evidence.certificate.dn if by_dn else evidence.certificate.name)
    if not named or shown_name is None:
        return None
    found = mapping.find(loaded.server, named, shown_name, able.received(connection.user))
    return None if found is None else loaded.mapping_lines[found]
