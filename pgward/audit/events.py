"""One audit event, and its JSON form (times RFC 3339 in UTC, with milliseconds)."""

import json
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError

Outcome = Literal["ok", "denied", "failed"]

EDGE_ACTIONS = frozenset({"session.open", "session.close", "session.cut"})
"""What happens at an edge, and nowhere else: all that an edge may put on record."""

HOST_ACTIONS = EDGE_ACTIONS | {"host.refresh", "host.alarm", "host.roles"}
"""What a PostgreSQL host may put on record."""

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ACTION = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
MAX_TEXT = 1024
_MAX_DETAILS = 8192
_VERSION_7, _VARIANT = 0x7 << 76, 0x2 << 62
_OPTIONAL = ("target", "reason", "client")
_FIELDS = frozenset({"id", "time", "actor", "action", "outcome", "details", *_OPTIONAL})


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An act (``service.update``) by an actor, with its outcome; ``details`` is flat JSON."""

    id: str
    time: datetime
    actor: str
    action: str
    outcome: Outcome
    target: str | None = None
    reason: str | None = None
    client: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        *,
        time: datetime,
        actor: str,
        action: str,
        outcome: Outcome = "ok",
        target: str | None = None,
        reason: str | None = None,
        client: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make an event with a new id."""
        return cls(
            id=_new_id(time),
            time=time,
            actor=actor,
            action=action,
            outcome=outcome,
            target=target,
            reason=reason,
            client=client,
            details=dict(details or {}),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the event as a JSON object; every field is present."""
        moment = self.time.astimezone(UTC).isoformat(timespec="milliseconds")
        return {
            "id": self.id,
            "time": moment.replace("+00:00", "Z"),
            "actor": self.actor,
            "action": self.action,
            "outcome": self.outcome,
            "target": self.target,
            "reason": self.reason,
            "client": self.client,
            "details": dict(self.details),
        }

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError, also when a field is too long."""
        if not isinstance(data, dict):
            raise InvalidInputError("an audit event is a JSON object")
        unknown = set(data) - _FIELDS
        if unknown:
            raise InvalidInputError(f"unknown field {min(map(str, unknown))!r} in an audit event")
        return cls(
            id=_matching(data, "id", _ID),
            time=_time(data.get("time")),
            actor=_text(data, "actor"),
            action=_matching(data, "action", _ACTION),
            outcome=_outcome(data.get("outcome")),
            details=_details(data.get("details", {})),
            **{name: _optional(data, name) for name in _OPTIONAL},
        )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or "\0" in value:
        raise InvalidInputError(f"{name} of an audit event is a text of 1 to {MAX_TEXT} letters")
    return value


def _optional(data: Mapping[str, Any], name: str) -> str | None:
    return None if data.get(name) is None else _text(data, name)


def _matching(data: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(data, name)
    if not pattern.fullmatch(value):
        raise InvalidInputError(f"{name} of an audit event has forbidden letters")
    return value


def _outcome(value: object) -> Outcome:
    for known in get_args(Outcome):
        if value == known:
            return known  # type: ignore[no-any-return]  # get_args gives Any
    raise InvalidInputError("outcome of an audit event is ok, denied or failed")


def _time(value: object) -> datetime:
    try:
        return parse_rfc3339(value if isinstance(value, str) else "")
    except (ValueError, OverflowError):
        raise InvalidInputError("time of an audit event is an RFC 3339 time") from None


def _details(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInputError("details of an audit event is a JSON object")
    if "\\u0000" in (text := json.dumps(value)) or len(text) > _MAX_DETAILS:
        raise InvalidInputError(
            f"details of an audit event is at most {_MAX_DETAILS} bytes of JSON"
        )
    return value


def _new_id(time: datetime) -> str:
    """Return a UUID of version 7 (RFC 9562): the latest is the largest, for indexes."""
    milliseconds = int(time.timestamp() * 1000) << 80
    random = secrets.randbits(74)
    high, low = random >> 62 << 64, random & (1 << 62) - 1
    return str(uuid.UUID(int=milliseconds | _VERSION_7 | high | _VARIANT | low))
