"""What events say of themselves, in words: the same in a terminal and on a page. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

Event = Mapping[str, Any]
CLOSED: Final = "the connection ended"
"""The reason of an end for which there was none."""


class Said(NamedTuple):
    """A statement, as it was sent."""

    event: Event

    @property
    def text(self) -> str:
        """Its text, or what stands for it."""
        kind, size = self.event["type"], self.event.get("text_bytes")
        if kind == "FUNCTION_CALL":
            return f"(function {self.event.get('function')})"
        if kind == "COMMIT":
            return "(commit)"
        text = str(self.event.get("text", "(unknown)"))
        return text if size is None else f"{text}… ({size} bytes)"

    @property
    def parameters(self) -> str:
        """Its parameters as SQL writes them; empty if it has none."""
        values = self.event.get("parameters") or ()
        return ", ".join(f"${number} = {_value(each)}" for number, each in enumerate(values, 1))


class Outcome(NamedTuple):
    """How a statement ended."""

    event: Event

    @property
    def kind(self) -> str:
        """``ok``, ``error``, ``denied``, or another status of a record."""
        if self.event.get("status") == "denied":
            return "denied"
        return "error" if "sqlstate" in self.event else str(self.event.get("status", ""))

    @property
    def text(self) -> str:
        """The tags of commands, or what was wrong."""
        of = self.event
        if self.kind == "denied":
            return f"DENIED by {of.get('rule')}: {of.get('reason')}"
        if self.kind == "error":
            return f"ERROR {of['sqlstate']}: {of.get('message', '(withheld)')}"
        return ", ".join(of.get("commands", ())) or self.kind

    @property
    def took(self) -> str:
        """How long, in milliseconds; empty if that is not known."""
        took = self.event.get("duration_us")
        return "" if took is None else f"{took / 1000:.1f} ms"


class Head(NamedTuple):
    """Who is in the session, and from where."""

    event: Event

    @property
    def text(self) -> str:
        """A line of it."""
        of = self.event
        who = f"{of.get('user')} as {of.get('role')} in {of.get('database')}"
        return f"{who}, from {of.get('client')}, {of['time']}"


class Told(NamedTuple):
    """Something that is no statement."""

    text: str


def about(event: Event) -> Told:
    """Return what a cancel request, a notice or a gap says of itself."""
    details = event.get("details") or {}
    said = event.get("reason") or details.get("notice") or (details and json.dumps(details))
    return Told(f"{event['type'].lower()}{f': {said}' if said else ''}")


def end(event: Event) -> Told:
    """Return how a session ended."""
    why = event.get("reason") or event.get("message") or event.get("status")
    return Told("the session ended" + ("" if why in (None, CLOSED) else f": {why}"))


def _value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        return f"({value.get('bytes')} bytes)"
    return "'" + str(value).replace("'", "''") + "'"
