"""Waiting until a request is decided, and what it gives is there."""

import time
from collections.abc import Callable
from typing import Any

from pgward.client.access import words
from pgward.core.errors import DeniedError, PgwardError, UnavailableError

LEAST_PAUSE, MOST_PAUSE = 1.0, 10.0  # seconds from one look to the next; nobody is faster


class UndecidedError(PgwardError):
    """Nobody decided while we waited; the request is still there."""

    code = "undecided"


class Waiter:
    """Looks again and again until ``seconds`` are over; ``say`` gets what keeps it from looking."""

    def __init__(
        self,
        seconds: float,
        say: Callable[[str], None],
        *,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._until = now() + seconds
        self._say = say
        self._pause = pause
        self._now = now
        self._silent = False

    def until_there(
        self, request: dict[str, Any], look: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the request when what it gives is there.

        Raises DeniedError when it will not be, PgwardError when it could not be given, and
        UndecidedError when time ran out. While the CA is away it goes on waiting.
        """
        pause = LEAST_PAUSE
        while not is_there(request):
            left = self._until - self._now()
            if left <= 0:
                raise _undecided(request)
            self._pause(min(pause, left))
            pause = min(pause * 1.5, MOST_PAUSE)
            request = self._look(request, look)
        return request

    def _look(self, request: dict[str, Any], look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            found = look()
        except UnavailableError as error:
            if not self._silent:
                self._say(f"{error.message}; waiting on")
            self._silent = True
            return request
        self._silent = False
        return found


def is_there(request: dict[str, Any]) -> bool:
    """Tell whether what was asked for is there; raise DeniedError when it will not be."""
    match request["state"]:
        case "approved":  # an extension makes what is there last longer
            return bool(request["extends"]) or _is_made(request["grant"])
        case "denied":
            raise DeniedError(_denial(request))
        case "cancelled":
            raise DeniedError("your request was cancelled")
        case "lapsed":
            raise DeniedError("nobody decided about your request in time", hint="ask again")
    return False


def _is_made(grant: dict[str, Any] | None) -> bool:
    if grant is None or grant["state"] == "pending":
        return False
    if grant["state"] == "active":
        return True
    if grant["end_reason"] == "failed":
        raise PgwardError(
            f"it was approved, and could not be given: {grant['problem'] or 'no reason is known'}",
            hint="tell who runs the connector",
        )
    raise DeniedError(f"it was approved, and has ended: {grant['end_reason'] or grant['state']}")


def _denial(request: dict[str, Any]) -> str:
    for each in request["decisions"]:
        if each["what"] == "deny":
            reason = f": {each['reason']}" if each["reason"] else ""
            return f"{each['by']} denied your request{reason}"
    return "your request was denied"


def _undecided(request: dict[str, Any]) -> UndecidedError:
    short = request["id"][: words.LEAST_ID]
    if request["state"] == "approved":
        return UndecidedError(
            "it is approved, and its connector has not made it yet",
            hint=f"pgward requests show {short}",
        )
    return UndecidedError(
        "nobody has decided yet; the request stays",
        hint=f"pgward requests show {short}, or: pgward cancel {short}",
    )
