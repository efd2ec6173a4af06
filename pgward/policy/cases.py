"""Cases that a policy must decide as expected: read from plain values, and tried out.

A case says who asks for what, and what must become of it. ``given`` holds for all cases of a list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any

from pgward.policy.context import (
    NEVER,
    Connect,
    Context,
    Device,
    ServiceFacts,
    Session,
    Statement,
    User,
)
from pgward.policy.model import Effect, Policy
from pgward.policy.reading import SpecError, known, text
from pgward.policy.role_guard import RoleGuard
from pgward.policy.rules import Decision, Engine
from pgward.policy.statements import classify, function_call

_FACTS = ("user", "device", "session", "service", "connect", "at")
METHODS = ("certificate", "tunnel", "web", "otp", "token")
"""The ways in, as conditions see them."""
_CASE = (*_FACTS, "name", "sql", "function", "expect", "rule", "reason")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, when, and for which statements (None: for a connection), by what ``text``."""

    context: Context
    at: datetime
    statements: Sequence[Statement] | None = None
    text: bytes = b""

    def decide(self, engine: Engine, guard: RoleGuard | None = None) -> Decision:
        """Return what the engine says to it, and before it the guard of the role."""
        if self.statements is None:
            return engine.connect(self.context, self.at)
        kept = None if guard is None else guard.denial(self.text)
        return kept or engine.text(self.context, self.at, self.statements)


@dataclass(frozen=True, slots=True)
class Case:
    """A question and the answer that is expected; ``rule`` and ``reason`` only where given."""

    name: str
    asked: Asked
    expect: Effect
    rule: str | None = None
    reason: str | None = None

    def problem(
        self, engine: Engine, guard: RoleGuard | None = None, shut: Decision | None = None
    ) -> str | None:
        """Return what is not as expected, or None; ``shut`` keeps connections out before all."""
        if shut is None or self.asked.statements is not None:
            found = self.asked.decide(engine, guard)
        else:
            found = shut
        if found.allowed is not self.expect.allows:
            return f"expected {self.expect.value}, but {shown(found)}"
        if self.rule is not None and self.rule not in (found.rule, found.name):
            return f"{found_effect(found)} as expected, but not by {self.rule}: {shown(found)}"
        if self.reason is not None and self.reason != found.reason:
            return f"the reason is {found.reason!r}"
        return None


def check_rules(cases: Sequence[Case], policies: Sequence[Policy], more: Sequence[str]) -> None:
    """Raise SpecError where a case expects a rule that there is not; ``more`` are built in."""
    known = {each.name for each in policies} | set(more)
    for each in policies:
        for rule in each.rules:
            known |= {rule.name, f"{each.name}/{rule.name}"}
    for index, case in enumerate(cases):
        if case.rule is not None and case.rule not in known:
            near = get_close_matches(case.rule, known, n=1)
            also = f"; did you mean {near[0]}?" if near else ""
            raise SpecError(f"cases[{index}].rule", f"is none of these policies{also}")


def found_effect(decision: Decision) -> str:
    """Return the decision in one word."""
    return (Effect.ALLOW if decision.allowed else Effect.DENY).value


def shown(decision: Decision) -> str:
    """Return a decision and where it comes from, in one line."""
    said = "allowed" if decision.allowed else "denied"
    if decision.rule and not decision.policy:
        by = f"by {decision.rule} of the service"
    elif decision.rule:
        by = f"by rule {decision.rule} of policy {decision.policy}"
    elif decision.policy:
        by = f"by the default of policy {decision.policy}"
    else:
        by = "as no policy rules it"
    return f"{said} {by}"


@dataclass(frozen=True, slots=True)
class Test:
    """A list of cases, not read yet: of a service's policies, or of those that are named."""

    service: str | None
    policies: tuple[str, ...] | None
    given: Mapping[str, Any]
    cases: Sequence[object]

    def read_cases(self, service: ServiceFacts, *, now: datetime) -> list[Case]:
        """Read the cases; raise SpecError. ``now`` is the time of those that give none."""
        facts = {"name": service.name, "labels": dict(service.labels)}
        given = _joined({"service": facts}, self.given)
        found: dict[str, Case] = {}
        for index, each in enumerate(self.cases):
            case = _case(given, each, f"cases[{index}]", now)
            if case.name in found:
                raise SpecError(f"cases[{index}].name", f"is that of another case: {case.name!r}")
            found[case.name] = case
        return list(found.values())


def read_test(spec: object) -> Test:
    """Read what a list of cases is about; raise SpecError."""
    fields = known(spec, "", ("service", "policies", "given", "cases"))
    cases, policies = fields.get("cases"), fields.get("policies")
    if not isinstance(cases, list) or not cases:
        raise SpecError("cases", "must be a list with something in it")
    return Test(
        service=_maybe(fields, "service", ""),
        policies=None if policies is None else _names(policies, "policies"),
        given=known(fields.get("given", {}), "given", _FACTS),
        cases=cases,
    )


def read_asked(fields: Mapping[str, Any], *, now: datetime) -> Asked:
    """Read one question, with the fields of a case; raise SpecError."""
    return _asked(fields, "", now)


def _names(value: object, path: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SpecError(path, "must be a list")
    return tuple(text(each, f"{path}[{index}]") for index, each in enumerate(value))


def _case(given: Mapping[str, Any], value: object, path: str, now: datetime) -> Case:
    own = known(value, path, _CASE)
    expect = own.get("expect")
    if expect not in list(Effect):
        raise SpecError(f"{path}.expect", "must be 'ALLOW' or 'DENY'")
    return Case(
        name=text(own.get("name"), f"{path}.name"),
        asked=_asked(_joined(given, own), path, now),
        expect=Effect(expect),
        rule=_maybe(own, "rule", path),
        reason=_maybe(own, "reason", path),
    )


def _joined(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Put a case's facts over those given for all: field by field, and a name is one field."""
    found = {**given, **own}
    for part in ("user", "device", "session", "service", "connect"):
        both = [_named(each[part]) for each in (given, own) if part in each]
        if both and all(isinstance(each, dict) for each in both):
            found[part] = {name: each for values in both for name, each in values.items()}
    return found


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _maybe(fields: Mapping[str, Any], name: str, path: str) -> str | None:
    value = fields.get(name)
    return None if value is None else text(value, f"{path}.{name}")


def _asked(fields: Mapping[str, Any], path: str, now: datetime) -> Asked:
    at = fields.get("at")
    return Asked(
        _context(fields, path),
        now if at is None else _time(at, f"{path}.at"),
        _statements(fields, path),
        str(fields.get("sql") or "").encode(),
    )


def _statements(fields: Mapping[str, Any], path: str) -> Sequence[Statement] | None:
    sql, function = fields.get("sql"), fields.get("function")
    if sql is not None and function is not None:
        raise SpecError(path, "has sql and function: ask for one of them")
    if function is not None:
        if type(function) is not int:
            raise SpecError(f"{path}.function", "must be the function's number (oid)")
        return (function_call(function),)
    if sql is None:
        return None
    found = classify(text(sql, f"{path}.sql").encode())
    if not found:
        raise SpecError(f"{path}.sql", "has no statement; leave it out to ask about a connection")
    return found


def _context(fields: Mapping[str, Any], path: str) -> Context:
    return Context(
        user=_user(fields.get("user"), f"{path}.user"),
        service=_service(fields.get("service", "service"), f"{path}.service"),
        connect=_connect(fields.get("connect", {}), f"{path}.connect"),
        session=_session(fields.get("session", {}), f"{path}.session"),
        device=_device(fields.get("device", {}), f"{path}.device"),
    )


def _user(value: object, path: str) -> User:
    if value is None:
        raise SpecError(path, "is missing")
    fields = known(_named(value), path, ("name", "groups", "email", "grants"))
    return User(
        text(fields.get("name"), f"{path}.name"),
        _names(fields.get("groups", []), f"{path}.groups"),
        text(fields.get("email", ""), f"{path}.email"),
        _names(fields.get("grants", []), f"{path}.grants"),
    )


def _service(value: object, path: str) -> ServiceFacts:
    fields = known(_named(value), path, ("name", "labels"))
    labels = _texts(fields.get("labels", {}), f"{path}.labels")
    return ServiceFacts(text(fields.get("name", "service"), f"{path}.name"), labels)


def _connect(value: object, path: str) -> Connect:
    names = ("user", "database", "applicationName", "parameters")
    fields = known(value, path, names)
    user, database, application = (
        text(fields.get(name, ""), f"{path}.{name}") for name in names[:3]
    )
    parameters = _texts(fields.get("parameters", {}), f"{path}.parameters")
    said = {"user": user, "database": database, "application_name": application}
    told = {name: each for name, each in said.items() if each}
    return Connect(user, database, application, {**told, **parameters})


def _session(value: object, path: str) -> Session:
    fields = known(value, path, ("id", "method", "client", "started", "mfa", "reason"))
    started = fields.get("started")
    method = text(fields.get("method", "certificate"), f"{path}.method")
    if method not in METHODS:
        raise SpecError(f"{path}.method", f"must be one of {', '.join(METHODS)}")
    return Session(
        id=text(fields.get("id", ""), f"{path}.id"),
        method=method,
        client=_address(fields.get("client", ""), f"{path}.client"),
        started=NEVER if started is None else _time(started, f"{path}.started"),
        mfa=_flag(fields.get("mfa", False), f"{path}.mfa"),
        reason=text(fields.get("reason", ""), f"{path}.reason"),
    )


def _device(value: object, path: str) -> Device:
    fields = known(value, path, ("id", "trusted", "posture"))
    posture = fields.get("posture", {})
    if not isinstance(posture, dict):
        raise SpecError(f"{path}.posture", "must be an object")
    return Device(
        text(fields.get("id", ""), f"{path}.id"),
        _flag(fields.get("trusted", False), f"{path}.trusted"),
        posture,
    )


def _texts(value: object, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise SpecError(path, "must be an object")
    return {str(name): text(each, f"{path}.{name}") for name, each in value.items()}


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(path, "must be true or false")
    return value


def _address(value: object, path: str) -> str:
    found = text(value, path)
    try:
        if found:
            ip_address(found)
    except ValueError:
        raise SpecError(path, "is no IP address, such as 10.0.0.7") from None
    return found


def _time(value: object, path: str) -> datetime:
    try:
        found = datetime.fromisoformat(text(value, path))
    except ValueError:
        raise SpecError(path, "is no time, such as 2026-11-22T09:30:00+01:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
