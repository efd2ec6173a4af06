"""What is wrong in a pg_hba.conf, and which of its lines let people in without a certificate.

Pure. ``errors`` names only what PostgreSQL itself refuses, so that a file which the server takes
is never called broken.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pgward.hba.plan.model import Plan
from pgward.hba.syntax import rules
from pgward.hba.syntax.addresses import HostName, Word
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.rules import LOCAL, Rule
from pgward.hba.syntax.tokens import Field, Line
from pgward.hba.syntax.versions import OLDEST, Abilities

INCLUDES = frozenset({"include", "include_if_exists", "include_dir"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about one line; ``where`` is ``file:line``."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def errors(lines: Iterable[Line], able: Abilities, path: str) -> list[Finding]:
    """Return what keeps PostgreSQL from taking the file; nothing when it would take it."""
    found: list[Finding] = []
    for line in lines:
        try:
            read(line, able)
        except BeyondUsError:
            continue  # PostgreSQL takes it; `openings` says that it was not followed
        except BadLineError as error:
            number, column = line.place(error.field, error.token)
            message = f"{error.message} (column {column})"
            if number != line.number:
                message = f"{error.message} (line {number}, column {column})"
            found.append(Finding(f"{path}:{line.number}", message))
    return found


def openings(lines: Iterable[Line], able: Abilities, path: str, plan: Plan | None) -> list[Finding]:
    """Return the lines that let someone in from the network without a certificate.

    ``plan`` is what stands above these lines; what it decides already is left out. Local
    connections are left out: a certificate is never asked for there.
    """
    found: list[Finding] = []
    for line in lines:
        try:
            rule = _readable(line, able)
        except BeyondUsError as error:
            found.append(Finding(f"{path}:{line.number}", f"was not looked at: {error}"))
            continue
        if rule is None or rule.kind == LOCAL or rule.method == "reject":
            continue
        if not rules.asks_for_certificate(rule, able) and not (plan and _decided(rule, plan)):
            found.append(Finding(f"{path}:{line.number}", _opening(rule, able)))
    return found


def read(line: Line, able: Abilities) -> Rule | None:
    """Return the rule in a line, or None for blank lines and includes.

    Raises BadLineError, BeyondUsError.
    """
    include = len(line.fields) == 2 and line.words[0] in INCLUDES  # noqa: PLR2004
    if not line.fields or (include and able.includes):
        return None
    return rules.read(line.fields, able)


def _readable(line: Line, able: Abilities) -> Rule | None:
    try:
        return read(line, able)
    except BadLineError:
        return None


def _opening(rule: Rule, able: Abilities) -> str:
    who = ",".join(token.text for token in rule.roles)
    what = ",".join(token.text for token in rule.databases)
    said = f"lets {who} into {what} from {_from(rule)} by {rule.method} without a certificate"
    value = rule.option("clientcert")
    if value is not None and able.version == OLDEST:
        said += f" (PostgreSQL {OLDEST} takes clientcert={value} as off)"
    return said


def _from(rule: Rule) -> str:
    if isinstance(rule.address, Word):
        return rule.address.value
    return rule.address.name if isinstance(rule.address, HostName) else str(rule.address)


def _decided(rule: Rule, plan: Plan) -> bool:
    """Tell whether the plan's lines, which come first, match whatever this rule matches."""
    if "all" not in plan.addresses:
        return False
    roles = {*plan.roles, *plan.password_roles, *plan.cert_roles}
    if any(token.is_word("replication") for token in rule.databases):
        return len(rule.databases) == 1 and _within(rule.roles, plan.replication_roles)
    return _within(rule.roles, roles) and _within(rule.databases, plan.databases)


def _within(field: Field, covered: Iterable[str]) -> bool:
    known = set(covered)
    return "all" in known or all(token.text in known for token in field)
