"""The ``pgward/1`` protocol (ALPN), spoken right after the TLS handshake of a link.

The tunnel sends one JSON line that names its service. The edge answers with one JSON
line: a refusal, or the *marker*, 32 random bytes that only these two ends know. From
then on every TLS record is data, except a record of exactly ``CONTROL_SIZE`` bytes that
starts with the marker: a control. ``SSL_read`` returns the content of at most one record
(OpenSSL manual, SSL_read), so the hot path tells a control by its length alone and pays
nothing for it. Controls let one link carry one database session after another:

- ``END``: this direction of the session has ended (as a FIN does). When both ends have
  sent it, the link is idle again.
- ``CUT``: the edge ends the session, or the idle link, at once; the code says why.
- ``WHY``: as CUT, of a session; the next record says why, as the line of a refusal. Only a tunnel
  that says in its preface that it knows of it gets one.
"""

import json
import re
import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from pgward.core.errors import PgwardError

ALPN = "pgward/1"
MARKER_SIZE = 32
CONTROL_SIZE = MARKER_SIZE + 2
MAX_LINE = 4096
_MARKER = re.compile(f"[0-9a-f]{{{2 * MARKER_SIZE}}}")

END = 0x45
CUT = 0x43
WHY = 0x57


class Reason(IntEnum):
    """Why an edge refuses or cuts; the number travels in a CUT control."""

    DENIED = 1
    REVOKED = 2
    BLOCKED = 3
    EXPIRED = 4
    LIMIT = 5
    STOPPING = 6
    UNREACHABLE = 7
    STALE = 8
    PROTOCOL = 9
    STEP_UP = 10
    ACCESS_ENDED = 11
    UNKNOWN = 255

    @classmethod
    def of(cls, number: int) -> "Reason":
        """Return the reason of a code on the wire; UNKNOWN for one of a newer edge."""
        try:
            return cls(number)
        except ValueError:
            return cls.UNKNOWN


EXPLANATIONS: dict[Reason, tuple[str, str]] = {
    Reason.DENIED: (
        "the service does not exist or is not open to you",
        "pgward services shows what is; an administrator can allow you",
    ),
    Reason.REVOKED: ("your certificate is revoked", "pgward login"),
    Reason.BLOCKED: ("your account is blocked", "ask an administrator"),
    Reason.EXPIRED: ("your certificate has expired", "pgward login"),
    Reason.LIMIT: ("too many connections", "close some, or ask for a higher limit"),
    Reason.STOPPING: ("the edge is stopping", "connect again, another edge may answer"),
    Reason.UNREACHABLE: ("the edge cannot reach the database", "ask whoever runs the service"),
    Reason.STALE: (
        "the edge's revocation list has expired, so it lets nobody in",
        "the edge must reach its CA again",
    ),
    Reason.PROTOCOL: ("the edge did not understand this tunnel", "upgrade pgward at both ends"),
    Reason.ACCESS_ENDED: ("your access to the service has ended", "pgward request SERVICE"),
    Reason.STEP_UP: ("the service asks for a fresh second factor", "pgward step-up SERVICE"),
    Reason.UNKNOWN: ("the edge ended the connection", "pgward login, or upgrade pgward"),
}

_SQLSTATES = {Reason.LIMIT: "53300"}  # too_many_connections; clients with several hosts go on
_INVALID_AUTHORIZATION = "28000"


class PrefaceError(PgwardError):
    """The peer did not speak ``pgward/1``."""

    code = "protocol"


class RefusedError(PgwardError):
    """An edge said no; ``reason`` tells programs what ``message`` and ``hint`` tell people.

    PostgreSQL's clients are told by ``sqlstate``, the reason's unless given. ``rule`` is that of a
    policy, if one decided.
    """

    exit_code = 3
    code = "refused"

    def __init__(
        self,
        reason: Reason,
        message: str | None = None,
        *,
        hint: str | None = None,
        sqlstate: str | None = None,
        rule: str = "",
    ) -> None:
        default_message, default_hint = EXPLANATIONS[reason]
        super().__init__(message or default_message, hint=hint or default_hint)
        self.reason = reason
        self.sqlstate = sqlstate or _SQLSTATES.get(reason, _INVALID_AUTHORIZATION)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Controls:
    """The records of one link that are not data, all beginning with its marker.

    ``tells_why`` says that the tunnel at the other end knows of WHY.
    """

    marker: bytes
    tells_why: bool = False

    @classmethod
    def new(cls, *, tells_why: bool = False) -> "Controls":
        """Make the controls of a new link from fresh random bytes."""
        return cls(secrets.token_bytes(MARKER_SIZE), tells_why)

    @property
    def end(self) -> bytes:
        """The record that ends a direction."""
        return self.marker + bytes((END, 0))

    def cut(self, reason: Reason) -> bytes:
        """Return the record that ends the session, or the idle link, for a reason."""
        return self.marker + bytes((CUT, reason))

    def cut_by(self, refusal: RefusedError) -> tuple[bytes, ...]:
        """Return the records that end the session in the words of a refusal, if they can."""
        line = refuse(refusal)
        known = EXPLANATIONS[refusal.reason] == (refusal.message, refusal.hint)
        if known or not self.tells_why or len(line) > MAX_LINE:
            return (self.cut(refusal.reason),)
        return self.marker + bytes((WHY, 0)), line

    def is_why(self, record: bytes) -> bool:
        """Tell whether the next record says why the session ends."""
        return record == self.marker + bytes((WHY, 0))

    def reason(self, record: bytes) -> Reason | None:
        """Return why ``record`` cuts; None when it is no cut of this link."""
        if len(record) == CONTROL_SIZE and record.startswith(self.marker) and record[-2] == CUT:
            return Reason.of(record[-1])
        return None


class Request(NamedTuple):
    """What a tunnel wants; ``knows_why`` says that it knows of WHY."""

    service: str
    knows_why: bool = False


def request(service: str) -> bytes:
    """Return the line with which a tunnel names its service."""
    return _line({"service": service, "why": True})


def read_request(line: bytes) -> Request:
    """Return what a tunnel wants; raise PrefaceError."""
    fields = _fields(line)
    service = fields.get("service")
    if not isinstance(service, str) or not service:
        raise PrefaceError("the tunnel named no service")
    return Request(service, fields.get("why") is True)


def accept(controls: Controls) -> bytes:
    """Return the line that opens the link."""
    return _line({"marker": controls.marker.hex()})


def refuse(refusal: RefusedError) -> bytes:
    """Return the line that says no."""
    return _line(
        {"reason": int(refusal.reason), "message": refusal.message, "hint": refusal.hint or ""}
    )


def read_refusal(line: bytes) -> RefusedError:
    """Return what a line says no with; raise PrefaceError."""
    fields = _fields(line)
    if "reason" not in fields:
        raise PrefaceError("the edge does not say why")
    return _refusal(fields)


def read_answer(line: bytes) -> Controls:
    """Return the controls of an opened link; raise RefusedError or PrefaceError."""
    fields = _fields(line)
    if "reason" in fields:
        raise _refusal(fields)
    marker = fields.get("marker")
    if not isinstance(marker, str) or not _MARKER.fullmatch(marker):
        raise PrefaceError("the edge's answer has no marker")
    return Controls(bytes.fromhex(marker))


def _refusal(fields: dict[str, Any]) -> RefusedError:
    number, message, hint = fields["reason"], fields.get("message"), fields.get("hint")
    if not isinstance(number, int) or not isinstance(message, str) or not isinstance(hint, str):
        raise PrefaceError("the edge's refusal is malformed")
    return RefusedError(Reason.of(number), _plain(message), hint=_plain(hint))


def _plain(text: str) -> str:
    """Return a text that moves no cursor: some of it may be the database's own."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _fields(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE or not line.endswith(b"\n"):
        raise PrefaceError("the preface is not one short line")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise PrefaceError("the preface is not JSON") from None
    if not isinstance(fields, dict):
        raise PrefaceError("the preface is not a JSON object")
    return fields
