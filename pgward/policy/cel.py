"""Conditions in CEL (Common Expression Language), behind our own few words.

An evaluation that fails gives a *value* of type ERROR in the library, which is truthy: only a
BOOL that is True holds here. Whoever asks may tell a failure from False, and must deny by it.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Protocol

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.policy.context import (
    NOW,
    REQUEST_TYPES,
    STATEMENT_TYPES,
    TEXT,
    TYPES,
    AccessRequest,
    Context,
    On,
    ServiceFacts,
    Statement,
    User,
)

MAX_BYTES = 4096
_FOUND = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_NO_VALUE = re.compile(r'no value with name "([^"]*)" found in Activation', re.IGNORECASE)
# What fails whatever the values are: the condition itself is wrong.
_ALWAYS_WRONG = ("timezone", "regular expression", "network")


class ConditionError(InvalidInputError):
    """A condition that cannot be compiled; ``line`` and ``column`` begin with 1, 0 is unknown."""

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Failed:
    """An evaluation that came to no answer, and why."""

    why: str


class Variables(Protocol):
    """The values of one question, ready for many matches: what ``bind`` returns."""


@dataclass(frozen=True, slots=True)
class Match:
    """One compiled expression.

    ``timeless``: it does not look at the clock. ``textless``: nor at the text of statements.
    """

    source: str
    on: On
    timeless: bool
    textless: bool
    _expression: Any

    def evaluate(self, variables: Variables) -> bool | Failed:
        """Return what it comes to; never raises."""
        try:
            value = self._expression.eval(variables)
            kind = value.type()
            if kind == _cel().Type.BOOL:
                return value.value() is True
            return Failed(_plain(str(value.value())))
        except Exception as error:  # noqa: BLE001 - a condition that breaks in any way denies
            return Failed(_plain(str(error)))

    def holds(self, variables: Variables) -> bool:
        """Tell whether it came to true, and to nothing else."""
        return self.evaluate(variables) is True


@lru_cache(maxsize=2048)  # resources are read, and so compiled, again and again
def compile(source: str, on: On = On.CONNECT) -> Match:  # noqa: A001 - what it does, as in re
    """Compile an expression that is true or false; raise ConditionError.

    Source: the CEL specification, github.com/google/cel-spec, langdef.md.
    """
    if not source.strip():
        raise ConditionError("the condition is empty", hint='true for "always"')
    if len(source.encode(errors="replace")) > MAX_BYTES:
        raise ConditionError(f"the condition is longer than {MAX_BYTES} bytes")
    expression = _compiled(source, on)
    if expression.return_type() != _cel().Type.BOOL:
        raise ConditionError(
            f"the condition is of type {_type_name(expression)}, not true or false",
            hint="compare it with something, for example with == or in",
        )
    timeless, textless = (not _looks_at(name, source, on) for name in (NOW, TEXT))
    match = Match(source, on, timeless, textless, expression)
    _try(match)
    return match


def bind(context: Context, now: datetime, statement: Statement | None = None) -> Variables:
    """Return the values of one question, once for all matches that look at it."""
    on = On.CONNECT if statement is None else On.STATEMENT
    found: Variables = _environment(on, "").Activation(context.variables(now, statement))
    return found


def bind_request(asked: AccessRequest, now: datetime) -> Variables:
    """Return the values of one access request, once for all matches that look at it."""
    found: Variables = _environment(On.REQUEST, "").Activation(asked.variables(now))
    return found


def in_network(address: str, network: str) -> bool:
    """Tell whether an IP address is in a network (``10.0.0.0/8``); no address is in none.

    Raises ValueError for what is no network. IPv4 addresses in IPv6's words are IPv4 addresses.
    """
    try:
        wanted = ipaddress.ip_network(network)
    except ValueError as error:
        raise ValueError(f"{network!r} is no network: {error}") from None
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in wanted


@cache
def _cel() -> Any:
    try:
        return import_module("cel_expr_python.cel")  # an extra: a desktop has none
    except ImportError:
        raise PgwardError(
            "conditions need the package cel-expr-python, which is not installed",
            hint="pip install 'pgward[edge]', or 'pgward[server]' for the CA",
        ) from None


@cache  # one for each: values bound in one environment mean nothing in another
def _environment(on: On, without: str) -> Any:
    return _new_environment({name: kind for name, kind in TYPES[on].items() if name != without})


def _new_environment(types: Mapping[str, str]) -> Any:
    cel, strings = _cel(), import_module("cel_expr_python.ext.ext_strings")
    kinds = {
        "string": cel.Type.STRING,
        "bool": cel.Type.BOOL,
        "int": cel.Type.INT,
        "timestamp": cel.Type.TIMESTAMP,
        "list<string>": cel.Type.List(cel.Type.STRING),
        "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
        "map<string, any>": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    }
    text = cel.Type.STRING
    network = cel.Overload(
        "string_in_network_string",
        return_type=cel.Type.BOOL,
        parameters=[text, text],
        is_member=True,
        impl=in_network,
    )
    return cel.NewEnv(
        variables={name: kinds[kind] for name, kind in types.items()},
        functions=[cel.FunctionDecl("inNetwork", [network])],
        extensions=[strings.ExtStrings()],
    )


def _compiled(source: str, on: On, *, without: str = "") -> Any:
    environment = _environment(on, without)
    try:
        return environment.compile(source)
    except Exception as error:  # noqa: BLE001 - RuntimeError, or what comes of odd texts
        raise _explained(str(error), on) from None


def _looks_at(name: str, source: str, on: On) -> bool:
    """Compile it again where there is no such variable: no reading of the text is as sure."""
    try:
        _compiled(source, on, without=name)
    except ConditionError:
        return True
    return False


def _explained(text: str, on: On) -> ConditionError:
    found = _FOUND.search(text)
    if found is None:
        limit = "it is nested too deeply" if "recursion" in text else _plain(text)
        return ConditionError(limit)
    line, column = (max(0, int(each)) for each in found.groups()[:2])
    said = found.group(3)
    if "recursion" in said:
        return ConditionError("it is nested too deeply")
    # The library counts columns from 1; what it says of tokens is of no use behind the first part.
    said = (
        said.partition(", expecting")[0].partition(" (in container")[0].partition(" expecting")[0]
    )
    said = said[:1].lower() + said[1:]
    place = f"line {line}, column {column}: " if line else ""
    return ConditionError(place + said, line=line, column=column, hint=_near(said, on))


def _near(said: str, on: On) -> str | None:
    undeclared = _UNDECLARED.search(said)
    if undeclared is None:
        return None
    name = undeclared.group(1)
    if on is On.CONNECT and name in STATEMENT_TYPES:
        return "only rules with `on: statement` know it"
    known = REQUEST_TYPES if on is On.REQUEST else STATEMENT_TYPES
    inside = [each for each in known if each.startswith(f"{name}.")]
    if inside:
        return f"it has parts: {', '.join(inside)}"
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else None


def _try(match: Match) -> None:
    """Refuse what is wrong for any values: a time zone, a pattern or a network that is none."""
    found = match.evaluate(_sample(match.on))
    if isinstance(found, Failed) and any(word in found.why.lower() for word in _ALWAYS_WRONG):
        raise ConditionError(f"it always fails: {found.why}")


def _sample(on: On) -> Variables:
    who, service, now = User("someone"), ServiceFacts("service"), datetime(2026, 1, 1, tzinfo=UTC)
    if on is On.REQUEST:
        return bind_request(AccessRequest(who, service), now)
    statement = None if on is On.CONNECT else Statement("SELECT", ("SELECT",))
    return bind(Context(who, service), now, statement)


def _type_name(expression: Any) -> str:
    return str(expression.return_type().name()).lower()


def _plain(text: str) -> str:
    """Return a failure of the library in one line, without its status words."""
    first = text.partition("\n")[0]
    plain = _NO_VALUE.sub(r"\1 is not known here", _STATUS.sub("", first))[:200]
    return plain[:1].lower() + plain[1:]
