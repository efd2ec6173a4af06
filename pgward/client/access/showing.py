"""Requests on the terminal: one of them whole, and what to do next."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pgward.client.access import words
from pgward.client.phrases import when
from pgward.core.clock import parse_rfc3339
from pgward.system import terminal

REQUEST: Mapping[str, str] = {
    "id": "id",
    "standing": "state",
    "user": "asked by",
    "service": "service",
    "integration": "integration",
    "flow": "flow",
    "what": "what",
    "for": "for",
    "until": "until",
    "reason": "reason",
    "approvals": "approvals",
    "waits_for": "waits for",
    "role": "role",
    "problem": "problem",
    "trouble": "held up",
    "sql": "sql",
}


def fields(request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return a request's fields as people read them; what it does not have is left out."""
    grant = request.get("grant") or {}
    shown = {
        "id": request["id"],
        "standing": words.state(request, now),
        "user": request["user"],
        "service": request["service"],
        "integration": request["integration"],
        "flow": request["flow"],
        "what": words.what(request),
        "for": _how_long(request),
        "until": grant.get("until"),
        "reason": request["reason"],
        "approvals": words.approvals(request),
        "waits_for": words.waits_for(request) if request["state"] == "pending" else None,
        "role": grant.get("role"),
        "problem": grant.get("problem"),
        "trouble": request.get("trouble"),
        "sql": _sql(request),
    }
    return {name: value for name, value in shown.items() if value}


def show(request: Mapping[str, Any], now: datetime, *, timeline: bool = False) -> None:
    """Write a request, and with ``timeline`` what happened to it, to stdout."""
    lines(terminal.echo, fields(request, now))
    if timeline:
        terminal.echo()
        for moment, text in words.timeline(request):
            ago = when(parse_rfc3339(moment), now)
            terminal.echo(terminal.clean(f"{moment}  {text} ({ago})"))


def lines(
    write: Callable[[str], None], shown: Mapping[str, Any], titles: Mapping[str, str] = REQUEST
) -> None:
    """Write titled fields one a line; of a list, each item has a line."""
    width = max(len(titles[name]) for name in shown)
    for name, value in shown.items():
        items = value if isinstance(value, list) else [value]
        for number, item in enumerate(items):
            title = "" if number else titles[name]
            write(f"{title:<{width}}  {terminal.cell(item)}")


def before_deciding(request: Mapping[str, Any], now: datetime) -> None:
    """Tell who decides what they decide about, on stderr."""
    lines(terminal.prompt, fields(request, now))


def _sql(request: Mapping[str, Any]) -> str | None:
    """Return how to see what would be run, if there is such a thing."""
    short = request["id"][: words.LEAST_ID]
    return f"pgward requests plan {short}" if "plan" in request["can"] else None


def _how_long(request: Mapping[str, Any]) -> str:
    emergency = ", by breaking the glass" if request["break_glass"] else ""
    extends = f" longer than {request['extends']} gives" if request["extends"] else ""
    return f"{words.seconds(request['seconds'])}{emergency}{extends}"
