"""Which login rules hold for whom: read from the store, and kept until something changes there."""

from collections.abc import Callable

from sqlalchemy.engine import Connection

from pgward.ca.identity.directory import User
from pgward.ca.login import rules
from pgward.ca.login.rules import LoginRules
from pgward.ca.resources import stored as resources
from pgward.ca.resources.login_rule import Whom
from pgward.ca.settings import Settings
from pgward.ca.store.transaction import SNAPSHOT, counter

_Rules = list[tuple[Whom, LoginRules]]


class LoginRuleBook:
    """Safe to use from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._default = rules.of_settings(settings)
        self._known: tuple[int, _Rules] = (-1, [])

    def of(self, connection: Connection, user: User) -> LoginRules:
        """Return a person's rules, as they were when this connection's transaction began."""
        version = counter(connection, SNAPSHOT)
        known_at, found = self._known
        if known_at != version:
            found = _read(connection)
            self._known = (version, found)
        return self._put_together(found, user)

    def _put_together(self, found: _Rules, user: User) -> LoginRules:
        return _together(self._default, found, user)


def written(connection: Connection) -> Callable[[User], LoginRules]:
    """Return what tells people's rules, with those that this transaction has just written.

    How long their sessions last without a rule is not among them.
    """
    found = _read(connection)
    return lambda user: _together(LoginRules(), found, user)


def _together(default: LoginRules, found: _Rules, user: User) -> LoginRules:
    named = (each for whom, each in found if whom.is_person(user.name, user.groups))
    return rules.strictest(default, named)


def _read(connection: Connection) -> _Rules:
    return [(spec.applies_to, spec.rules(name)) for name, spec in resources.login_rules(connection)]
