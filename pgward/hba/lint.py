"""What is wrong in a pg_hba.conf, and which of its lines let people in without a certificate.

Pure. ``errors`` names only what PostgreSQL itself refuses (``parse_hba_line`` in
src/backend/libpq/hba.c), so that a file which the server takes is never called broken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from pgward.hba.model import Plan
from pgward.hba.tokens import Field, Line
from pgward.hba.versions import OLDEST, Abilities

INCLUDES = frozenset({"include", "include_if_exists", "include_dir"})
_NETWORK = frozenset({"host", "hostssl", "hostnossl"})
_GSS = frozenset({"hostgssenc", "hostnogssenc"})
_OLD_CLIENTCERT = frozenset({"0", "1", "no-verify", "verify-ca", "verify-full"})
_FIRST_STRICT_CLIENTCERT = 14


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about one line; ``where`` is ``file:line``."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Rule:
    """The parts of one line of pg_hba.conf; ``address`` is empty for ``local``."""

    kind: str
    databases: Field
    roles: Field
    address: str
    method: str
    options: tuple[str, ...]

    def option(self, name: str) -> str | None:
        """Return the value of an option, or None."""
        for text in self.options:
            key, _, value = text.partition("=")
            if key == name:
                return value
        return None


class BadLineError(ValueError):
    """A line that PostgreSQL refuses."""


def errors(lines: Iterable[Line], able: Abilities, path: str) -> list[Finding]:
    """Return what keeps PostgreSQL from taking the file; nothing when it would take it."""
    found: list[Finding] = []
    for line in lines:
        try:
            rule = read(line, able)
        except BadLineError as error:
            found.append(Finding(f"{path}:{line.number}", str(error)))
            continue
        if rule is not None and (said := _option_error(rule, able)):
            found.append(Finding(f"{path}:{line.number}", said))
    return found


def openings(lines: Iterable[Line], able: Abilities, path: str, plan: Plan | None) -> list[Finding]:
    """Return the lines that let someone in from the network without a certificate.

    ``plan`` is what stands above these lines; what it decides already is left out. Local
    connections are left out: a certificate is never asked for there.
    """
    found: list[Finding] = []
    for line in lines:
        rule = _readable(line, able)
        if rule is None or rule.kind == "local" or rule.method == "reject":
            continue
        if not asks_for_certificate(rule, able) and not (plan and _decided(rule, plan)):
            found.append(Finding(f"{path}:{line.number}", _opening(rule, able)))
    return found


def read(line: Line, able: Abilities) -> Rule | None:
    """Return the rule in a line, or None for blank lines and includes; raise BadLineError."""
    if not line.fields:
        return None
    fields = iter(line.fields)
    kind = _single(next(fields), "connection type")
    if kind in INCLUDES and able.includes:
        if len(line.fields) != 2:  # noqa: PLR2004 - the word and the file
            raise BadLineError(f"{kind} wants one file name")
        return None
    if kind not in _kinds(able):
        raise BadLineError(f"{kind!r} is no connection type of PostgreSQL {able.version}")
    databases = _next(fields, "database")
    roles = _next(fields, "role")
    address = "" if kind == "local" else _read_address(fields)
    method = _single(_next(fields, "authentication method"), "authentication method")
    if method not in able.methods:
        raise BadLineError(f"{method!r} is no authentication method of PostgreSQL {able.version}")
    options = tuple(token.text for field in fields for token in field)
    return Rule(kind, databases, roles, address, method, options)


def asks_for_certificate(rule: Rule, able: Abilities) -> bool:
    """Tell whether nobody passes this rule without a valid client certificate."""
    if rule.method == "cert":
        return True
    return rule.kind == "hostssl" and rule.option("clientcert") in able.clientcert_values


def _kinds(able: Abilities) -> frozenset[str]:
    return _NETWORK | {"local"} | (_GSS if able.gss_lines else frozenset())


def _next(fields: Iterator[Field], what: str) -> Field:
    field = next(fields, None)
    if field is None:
        raise BadLineError(f"the line ends before the {what}")
    return field


def _single(field: Field, what: str) -> str:
    if len(field) > 1:
        raise BadLineError(f"there is more than one {what}")
    return field[0].text


def _read_address(fields: Iterator[Field]) -> str:
    address = _single(_next(fields, "address"), "address")
    try:
        ip_address(address)
    except ValueError:
        return address
    mask = _single(_next(fields, "address's netmask"), "netmask")
    try:
        ip_address(mask)
    except ValueError:
        raise BadLineError(f"the address {address} has no netmask") from None
    return f"{address}/{mask}"


def _option_error(rule: Rule, able: Abilities) -> str | None:
    if rule.method == "cert" and rule.kind != "hostssl":
        return "the method cert wants hostssl"
    for option in rule.options:
        if "=" not in option:
            return f"the option {option!r} is not name=value"
    value = rule.option("clientcert")
    if value is None or able.version == OLDEST:
        return None
    strict = able.version >= _FIRST_STRICT_CLIENTCERT
    if value not in (able.clientcert_values if strict else _OLD_CLIENTCERT):
        return f"clientcert={value} is nothing that PostgreSQL {able.version} knows"
    return None


def _readable(line: Line, able: Abilities) -> Rule | None:
    try:
        return read(line, able)
    except BadLineError:
        return None


def _opening(rule: Rule, able: Abilities) -> str:
    who = ",".join(token.text for token in rule.roles)
    what = ",".join(token.text for token in rule.databases)
    said = f"lets {who} into {what} from {rule.address} by {rule.method} without a certificate"
    value = rule.option("clientcert")
    if value is not None and able.version == OLDEST:
        said += f" (PostgreSQL {OLDEST} takes clientcert={value} as off)"
    return said


def _decided(rule: Rule, plan: Plan) -> bool:
    """Tell whether the plan's lines, which come first, match whatever this rule matches."""
    if "all" not in plan.addresses:
        return False
    roles = {*plan.roles, *plan.password_roles}
    if any(token.is_word("replication") for token in rule.databases):
        return len(rule.databases) == 1 and _within(rule.roles, plan.replication_roles)
    return _within(rule.roles, roles) and _within(rule.databases, plan.databases)


def _within(field: Field, covered: Iterable[str]) -> bool:
    known = set(covered)
    return "all" in known or all(token.text in known for token in field)
