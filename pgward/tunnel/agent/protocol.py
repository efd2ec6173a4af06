"""What is said on the agent's socket: one JSON object a line, each request with its reply. Pure.

A request names its ``op``. While a reply takes long there are lines ``{"working": true}`` before
it, so that an agent that hangs is told from one that works. A reply with ``error`` is a failure.
Sizes are bounded both ways. Imported by commands that must start at once.
"""

import json
from collections.abc import Mapping
from typing import Any

from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    LoginNeededError,
    NotFoundError,
    PgwardError,
    UnavailableError,
)

MAX_REQUEST = 16 * 1024
MAX_REPLY = 4 * 1024 * 1024
WORKING = {"working": True}
# So often a line comes while the agent works; a client gives up when none did for longer.
WORKING_SECONDS = 1.0
PATIENCE_SECONDS = 5.0


class ProtocolError(PgwardError):
    """The peer does not speak this protocol."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Return one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read one line; raise ProtocolError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ProtocolError("that is no JSON object on one line")
    return message


def failure(error: PgwardError) -> dict[str, Any]:
    """Return the reply that tells an error."""
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}


def result(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reply; raise the error that it tells, of its kind."""
    told = reply.get("error")
    if told is None:
        return dict(reply)
    if not isinstance(told, dict) or not isinstance(told.get("message"), str):
        raise UnavailableError("the agent failed and does not say how", hint="pgward agent status")
    hint, kind = told.get("hint"), _KINDS.get(str(told.get("code")), PgwardError)
    raise kind(told["message"], hint=hint if isinstance(hint, str) else None)


_KINDS: Mapping[str, type[PgwardError]] = {
    kind.code: kind
    for kind in (
        *(PgwardError, InvalidInputError, NotFoundError, ConflictError),
        *(UnavailableError, DeniedError, LoginNeededError),
    )
}


def text(request: Mapping[str, Any], name: str) -> str:
    """Return a text of a request; raise ProtocolError."""
    value = request.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"the request has no {name}")
    return value


def port(request: Mapping[str, Any]) -> int | None:
    """Return the port of a request, if it wants a certain one; raise ProtocolError."""
    value = request.get("port")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**16:
        raise ProtocolError("that is no port")
    return value
