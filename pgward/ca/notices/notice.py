"""What a notice is: its kinds, what each withdraws and which reminder it sets, and its facts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self

from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import InvalidInputError


class Kind(StrEnum):
    """What happened, or is about to."""

    ASKED = "asked"  # to approvers: a request waits for them
    REMINDER = "reminder"  # to approvers: it still does
    APPROVED = "approved"  # to the person; by people or by a rule
    DENIED = "denied"  # to the person
    CANCELLED = "cancelled"  # to approvers: the person no longer wants it
    LAPSED = "lapsed"  # to the person: nobody answered in time
    EXTENDED = "extended"  # to the person
    ENDS_SOON = "ends_soon"  # to the person
    ENDED = "ended"  # to the person: expired, revoked, blocked, ...
    FAILED = "failed"  # to the person and administrators: it could not be given
    BREAK_GLASS = "break_glass"  # to approvers: somebody took it
    UNACKNOWLEDGED = "unacknowledged"  # to approvers: nobody has looked at that yet
    ACKNOWLEDGED = "acknowledged"  # to the person
    REVIEW = "review"  # to reviewers: a review of rights waits for them
    REVIEW_DUE = "review_due"  # to reviewers: it still does
    INVITED = "invited"  # to the person: a link to choose a password by


PERSONAL: Final = frozenset({Kind.INVITED})
"""These are for one person: no channel that others read takes them."""
_ANSWERED = frozenset({Kind.ASKED, Kind.REMINDER})
_OVER = _ANSWERED | {Kind.ENDS_SOON}
WITHDRAWS: Final[Mapping[Kind, frozenset[Kind]]] = MappingProxyType(
    {
        Kind.APPROVED: _OVER,
        Kind.DENIED: _ANSWERED,
        Kind.CANCELLED: _OVER,
        Kind.LAPSED: _ANSWERED,
        Kind.EXTENDED: _OVER,
        Kind.ENDED: _OVER,
        Kind.FAILED: _OVER,
        Kind.ACKNOWLEDGED: frozenset({Kind.BREAK_GLASS, Kind.UNACKNOWLEDGED}),
    }
)
"""Which notices of the same request, not sent yet, have no use any more."""

_REMINDERS: Final = MappingProxyType(
    {
        Kind.ASKED: Kind.REMINDER,
        Kind.REMINDER: Kind.REMINDER,
        Kind.BREAK_GLASS: Kind.UNACKNOWLEDGED,
        Kind.UNACKNOWLEDGED: Kind.UNACKNOWLEDGED,
    }
)
_GIVEN: Final = frozenset({Kind.APPROVED, Kind.EXTENDED, Kind.BREAK_GLASS})
AHEAD: Final = timedelta(minutes=10)
"""So long before its end a person hears that access ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What messages say of a request. No secret is among it; names and texts are people's own.

    ``asked_for`` are lines for people (``bundle shop-reading``). ``by`` decided, and said ``note``;
    for a rule it is ``rule NAME``. ``until`` is when the grant ends, ``lapses_at`` when an
    unanswered request does. ``remind_seconds`` None is without reminders. ``extends`` tells that
    it is about more time for what the person has.
    """

    person: str
    service: str
    asked_for: tuple[str, ...] = ()
    seconds: int
    reason: str = ""
    flow: str = ""
    integration: str | None = None
    break_glass: bool = False
    extends: bool = False
    by: str | None = None
    note: str = ""
    until: datetime | None = None
    lapses_at: datetime | None = None
    remind_seconds: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as the outbox keeps it."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned; raise InvalidInputError for anything else."""
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in kept.items() if name in known}
        try:
            for name in ("until", "lapses_at"):
                if values.get(name) is not None:
                    values[name] = parse_rfc3339(values[name])
            return cls(**{**values, "asked_for": tuple(values.get("asked_for", ()))})
        except (TypeError, ValueError) as error:
            raise InvalidInputError("the facts of a notice cannot be read") from error


def reminder(kind: Kind, facts: Facts, now: datetime) -> tuple[Kind, datetime] | None:
    """Return which reminder a notice sets for when, if any; ENDS_SOON is not among them."""
    then = _REMINDERS.get(kind)
    if then is None or not facts.remind_seconds:
        return None
    due = now + timedelta(seconds=facts.remind_seconds)
    is_too_late = facts.lapses_at is not None and due >= facts.lapses_at
    return None if is_too_late and then is Kind.REMINDER else (then, due)


def end_notice(kind: Kind, facts: Facts, now: datetime) -> datetime | None:
    """Return when the person shall hear that what was given ends soon, if at all.

    Access that is over in twice that time is so short that its beginning has said it.
    """
    if kind not in _GIVEN or facts.until is None or facts.until - now < 2 * AHEAD:
        return None
    return facts.until - AHEAD


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    return list(value) if isinstance(value, tuple) else value
