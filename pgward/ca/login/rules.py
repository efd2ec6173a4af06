"""The rules that hold for a person's logins: pure, and the strictest of all that apply."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import reduce

from pgward.ca.identity.password_rules import DEFAULT, PasswordRules
from pgward.ca.identity.posture import PostureRules
from pgward.ca.settings import Settings


class Admission(StrEnum):
    """How a new device comes in; the later ones are stricter."""

    OPEN = "open"
    APPROVAL = "approval"
    TOKEN = "token"  # noqa: S105 - no secret, a way in


_STRICTNESS = list(Admission)


@dataclass(frozen=True, slots=True)
class LoginRules:
    """What a login must fulfil; ``methods`` None allows every one.

    ``names`` are those of the resources that say so. Every one of ``posture`` must be fulfilled.
    """

    session: timedelta = timedelta.max
    methods: frozenset[str] | None = None
    second_factor: bool = False
    reason: bool = False
    password: PasswordRules = DEFAULT
    devices: Admission = Admission.OPEN
    posture: tuple[PostureRules, ...] = ()
    names: tuple[str, ...] = ()


def of_settings(settings: Settings) -> LoginRules:
    """Return the rules for people of whom no other rule speaks."""
    return LoginRules(session=timedelta(hours=settings.login.session_hours))


def strictest(first: LoginRules, others: Iterable[LoginRules]) -> LoginRules:
    """Put rules together, in any order: whatever fulfils them fulfils each."""
    return reduce(_both, others, first)


def _both(one: LoginRules, other: LoginRules) -> LoginRules:
    return LoginRules(
        session=min(one.session, other.session),
        methods=_common(one.methods, other.methods),
        second_factor=one.second_factor or other.second_factor,
        reason=one.reason or other.reason,
        password=one.password.strictest(other.password),
        devices=max(one.devices, other.devices, key=_STRICTNESS.index),
        posture=(*one.posture, *other.posture),
        names=tuple(sorted({*one.names, *other.names})),
    )


def _common(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
