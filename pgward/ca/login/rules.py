"""The rules that hold for a person's logins."""

from dataclasses import dataclass
from datetime import timedelta

from pgward.ca.settings import Settings


@dataclass(frozen=True, slots=True)
class LoginRules:
    """What a login must fulfil; ``methods`` None allows every one."""

    session: timedelta
    methods: frozenset[str] | None = None
    second_factor: bool = False
    reason: bool = False


def of_settings(settings: Settings) -> LoginRules:
    """Return the rules for people of whom no other rule speaks."""
    return LoginRules(session=timedelta(hours=settings.login.session_hours))
