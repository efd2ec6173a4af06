"""What conditions see: facts about who asks, from where and for what, by the names of rules.

Everything has a value: a text that is not known is empty, a time that is not known is 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})
NEVER = datetime.fromtimestamp(0, UTC)


class On(StrEnum):
    """What a rule is about: a connection as it begins, each statement, or asking for access."""

    CONNECT = "connect"
    STATEMENT = "statement"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class User:
    """The person; ``grants`` are the bundles and roles of the grants that are live here."""

    name: str
    groups: tuple[str, ...] = ()
    email: str = ""
    grants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """The person's device, as the authority knows it; ``posture`` is what it says of itself."""

    id: str = ""
    trusted: bool = False
    posture: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Session:
    """The way in: ``method`` is one of cases.METHODS; ``client`` an IP address."""

    id: str = ""
    method: str = "certificate"
    client: str = ""
    started: datetime = NEVER
    mfa: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """The service that is asked for."""

    name: str
    labels: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Connect:
    """What the client's startup message asks for; ``parameters`` has all of it."""

    user: str = ""
    database: str = ""
    application_name: str = ""
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True)
class Statement:
    """One statement, as far as PostgreSQL's grammar tells.

    ``kind`` is what it is (``SELECT``, ``COPY TO PROGRAM``), ``kinds`` that and all that is inside.
    ``tables`` are written as in the text, ``names`` are they without a schema. ``protocol`` is
    simple, extended or function. Of what is not ``parsed`` only its kind is known, and its text if
    it is ``whole``: a condition that looks at anything else fails, and so denies. ``why`` says what
    is not known: of what is parsed, the text, as it is too long.
    """

    kind: str
    kinds: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    text: str = ""
    whole: bool = True
    reads: bool = False
    protocol: str = "simple"
    parsed: bool = True
    why: str = ""

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What is known of it, by the names of rules."""
        known = dict.fromkeys(name for name in _OF_STATEMENT if name != "text" or not self.why)
        if not self.parsed:
            known = dict.fromkeys(("kind", "whole", "protocol", *(("text",) if self.whole else ())))
        return {f"{_STATEMENT}.{name}": _plain(getattr(self, name)) for name in known}


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who asks for which rights on a service, for how many seconds, and why."""

    user: User
    service: ServiceFacts
    bundles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    reason: str = ""
    seconds: int = 0
    break_glass: bool = False

    def variables(self, now: datetime) -> dict[str, Any]:
        """Return the value of every variable that a rule on requests may name."""
        return {
            "ctx.user.name": self.user.name,
            "ctx.user.groups": list(self.user.groups),
            "ctx.user.email": self.user.email,
            "ctx.service.name": self.service.name,
            "ctx.service.labels": dict(self.service.labels),
            "ctx.request.service": self.service.name,
            "ctx.request.bundles": list(self.bundles),
            "ctx.request.roles": list(self.roles),
            "ctx.request.reason": self.reason,
            "ctx.request.seconds": self.seconds,
            "ctx.request.break_glass": self.break_glass,
            NOW: now,
        }


@dataclass(frozen=True)
class Context:
    """One question to an engine; what does not change in a session is put together once."""

    user: User
    service: ServiceFacts
    connect: Connect = field(default_factory=Connect)
    session: Session = field(default_factory=Session)
    device: Device = field(default_factory=Device)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """All but the time and the statement, by the names of rules."""
        request = "ctx.request.postgres.connect"
        return {
            "ctx.user.name": self.user.name,
            "ctx.user.groups": list(self.user.groups),
            "ctx.user.email": self.user.email,
            "ctx.user.grants": list(self.user.grants),
            "ctx.device.id": self.device.id,
            "ctx.device.trusted": self.device.trusted,
            "ctx.device.posture": dict(self.device.posture),
            "ctx.session.id": self.session.id,
            "ctx.session.method": self.session.method,
            "ctx.session.client": self.session.client,
            "ctx.session.started": self.session.started,
            "ctx.session.mfa": self.session.mfa,
            "ctx.session.reason": self.session.reason,
            "ctx.service.name": self.service.name,
            "ctx.service.labels": dict(self.service.labels),
            f"{request}.user": self.connect.user,
            f"{request}.database": self.connect.database,
            f"{request}.application_name": self.connect.application_name,
            f"{request}.parameters": dict(self.connect.parameters),
        }

    def variables(self, now: datetime, statement: Statement | None = None) -> dict[str, Any]:
        """Return the value of every variable that a rule may name."""
        if statement is None:
            return {**self.facts, NOW: now}
        return {**self.facts, **statement.facts, NOW: now}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


NOW = "ctx.now"
_STATEMENT = "ctx.request.postgres.statement"
TEXT = f"{_STATEMENT}.text"
_OF_STATEMENT = {
    "kind": "string",
    "kinds": "list<string>",
    "tables": "list<string>",
    "names": "list<string>",
    "functions": "list<string>",
    "settings": "list<string>",
    "text": "string",
    "whole": "bool",
    "reads": "bool",
    "protocol": "string",
}
CONNECT_TYPES: Mapping[str, str] = {
    "ctx.user.name": "string",
    "ctx.user.groups": "list<string>",
    "ctx.user.email": "string",
    "ctx.user.grants": "list<string>",
    "ctx.device.id": "string",
    "ctx.device.trusted": "bool",
    "ctx.device.posture": "map<string, any>",
    "ctx.session.id": "string",
    "ctx.session.method": "string",
    "ctx.session.client": "string",
    "ctx.session.started": "timestamp",
    "ctx.session.mfa": "bool",
    "ctx.session.reason": "string",
    "ctx.service.name": "string",
    "ctx.service.labels": "map<string, string>",
    NOW: "timestamp",
    "ctx.request.postgres.connect.user": "string",
    "ctx.request.postgres.connect.database": "string",
    "ctx.request.postgres.connect.application_name": "string",
    "ctx.request.postgres.connect.parameters": "map<string, string>",
}
STATEMENT_TYPES: Mapping[str, str] = {
    **CONNECT_TYPES,
    **{f"{_STATEMENT}.{name}": kind for name, kind in _OF_STATEMENT.items()},
}
REQUEST_TYPES: Mapping[str, str] = {
    "ctx.user.name": "string",
    "ctx.user.groups": "list<string>",
    "ctx.user.email": "string",
    "ctx.service.name": "string",
    "ctx.service.labels": "map<string, string>",
    "ctx.request.service": "string",
    "ctx.request.bundles": "list<string>",
    "ctx.request.roles": "list<string>",
    "ctx.request.reason": "string",
    "ctx.request.seconds": "int",
    "ctx.request.break_glass": "bool",
    NOW: "timestamp",
}
TYPES: Mapping[On, Mapping[str, str]] = {
    On.CONNECT: CONNECT_TYPES,
    On.STATEMENT: STATEMENT_TYPES,
    On.REQUEST: REQUEST_TYPES,
}
"""Every variable and its type, in CEL's words."""
