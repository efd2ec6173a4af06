"""What a message says, in words that all channels share; each channel gives it its own form.

Names and texts in it are people's own: they are cut to one line each, and channels escape them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from pgward.ca.notices.notice import Facts, Kind
from pgward.client.phrases import duration
from pgward.core.clock import rfc3339
from pgward.system.safe_text import clean

MOST_LETTERS: Final = 500
MOST_LINES: Final = 20
"""Of what is asked for; the request itself has all."""

_HEADINGS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.ASKED: "{person} asks for access to {service}",
        Kind.REMINDER: "{person} still waits for access to {service}",
        Kind.APPROVED: "{person} has access to {service}",
        Kind.DENIED: "{person} does not get access to {service}",
        Kind.CANCELLED: "{person} no longer asks for access to {service}",
        Kind.LAPSED: "nobody answered {person}, who asked for access to {service}",
        Kind.EXTENDED: "{person} keeps access to {service}",
        Kind.ENDS_SOON: "access of {person} to {service} ends soon",
        Kind.ENDED: "access of {person} to {service} has ended",
        Kind.FAILED: "{person} could not be given access to {service}",
        Kind.BREAK_GLASS: "break-glass: {person} took access to {service}",
        Kind.UNACKNOWLEDGED: "break-glass not acknowledged: {person} took access to {service}",
        Kind.ACKNOWLEDGED: "break-glass acknowledged: {person}, access to {service}",
        Kind.REVIEW: "{person} asks you to review rights: {service}",
        Kind.REVIEW_DUE: "{person} still waits for your review of rights: {service}",
        Kind.INVITED: "{person} invites you to {service}",
    }
)
_EXTENDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.ASKED: "{person} asks to keep access to {service}",
        Kind.REMINDER: "{person} still waits to keep access to {service}",
        Kind.DENIED: "{person} does not keep access to {service} for longer",
        Kind.CANCELLED: "{person} no longer asks to keep access to {service}",
        Kind.LAPSED: "nobody answered {person}, who asked to keep access to {service}",
    }
)
_COMMANDS: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        Kind.ASKED: ("pgward approve {id}", "pgward deny {id} --reason WHY"),
        Kind.REMINDER: ("pgward approve {id}", "pgward deny {id} --reason WHY"),
        Kind.ENDS_SOON: ("pgward extend {id} --for 1h",),
        Kind.BREAK_GLASS: ("pgward requests acknowledge {id}", "pgward revoke {id}"),
        Kind.UNACKNOWLEDGED: ("pgward requests acknowledge {id}", "pgward revoke {id}"),
        Kind.REVIEW: ("pgward access review show {service} --mine",),
        Kind.REVIEW_DUE: ("pgward access review show {service} --mine",),
    }
)
REVIEWS: Final = frozenset({Kind.REVIEW, Kind.REVIEW_DUE})
"""These are about a review of rights, whose name stands where others have a service."""
TO_DECIDE: Final = frozenset({Kind.ASKED, Kind.REMINDER})
"""These have a link by which one decides without signing in."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery's content; ``id`` is the same however often it is sent.

    ``lines`` are labels and values, ``commands`` what can be typed, ``link`` where to decide.
    ``recipient`` is a person's name, "" on a channel that many read.
    """

    id: str
    kind: Kind
    request_id: str
    recipient: str
    facts: Facts
    at: datetime
    link: str | None = None

    @property
    def heading(self) -> str:
        """Return what happened, in one line."""
        names = {"person": one_line(self.facts.person), "service": one_line(self.facts.service)}
        longer = _EXTENDS.get(self.kind) if self.facts.extends else None
        return (longer or _HEADINGS[self.kind]).format(**names)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Return labels and values, each of one line."""
        facts = self.facts
        if self.kind is Kind.INVITED:
            end = [] if facts.until is None else [("until", rfc3339(facts.until))]
            return [("your name", one_line(self.recipient)), *end]
        found = [("what", one_line(each)) for each in facts.asked_for[:MOST_LINES]]
        if len(facts.asked_for) > MOST_LINES:
            found.append(("what", f"and {len(facts.asked_for) - MOST_LINES} more"))
        if facts.seconds:
            label = "for another" if facts.extends else "for"
            found.append((label, duration(timedelta(seconds=facts.seconds))))
        for label, text in (("reason", facts.reason), ("by", facts.by), ("said", facts.note)):
            if text:
                found.append((label, one_line(text)))
        if self.kind in REVIEWS:
            due = [] if facts.until is None else [("due", rfc3339(facts.until))]
            return [*found, *due, ("review", one_line(facts.service))]
        if facts.until is not None and self.kind is not Kind.ENDED:
            found.append(("until", rfc3339(facts.until)))
        if facts.lapses_at is not None and self.kind in TO_DECIDE:
            found.append(("answer until", rfc3339(facts.lapses_at)))
        return [*found, ("request", self.request_id)]

    @property
    def link_title(self) -> str:
        """Return what the link is for."""
        if self.kind in REVIEWS:
            return "Review them"
        return "Choose your password" if self.kind is Kind.INVITED else "Decide"

    @property
    def commands(self) -> list[str]:
        """Return what can be typed in a terminal about it."""
        names = {"id": self.request_id, "service": one_line(self.facts.service)}
        return [each.format(**names) for each in _COMMANDS.get(self.kind, ())]


def one_line(text: str, most: int = MOST_LETTERS) -> str:
    """Return a text of somebody's as one line without control characters, cut if it is long."""
    # JSON can spell halves of characters, which nothing can be written in.
    whole = text.encode("utf-8", "replace").decode("utf-8")
    line = clean(" ".join(whole.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"
