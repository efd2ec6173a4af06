"""Which rules hold for whose certificates and logins now.

Certificate profiles, login rules, groups and services are read from the store, and what follows
from them is remembered until something there changes.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.access.live import EVER
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.issuing import rules
from pgward.ca.issuing.rules import Rules
from pgward.ca.login import rules as login_rules
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.login.rules import LoginRules
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.resources.certificate_profile import CertificateProfileSpec
from pgward.ca.settings import Settings
from pgward.ca.store import Store
from pgward.ca.store.transaction import SNAPSHOT, counter

_MOST = 100_000  # people whose rules are remembered


@dataclass(frozen=True, slots=True)
class PersonRules:
    """What holds for one person's certificates, and for the login that they are issued in."""

    certificate: Rules
    login: LoginRules


class RuleBook:
    """Safe to use from any thread; but for ``known`` its methods read the store.

    What this process changes holds at once, what another changes when its version is known.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._logins = LoginRuleBook(settings)
        self._nobodys = login_rules.of_settings(settings)
        self._lock = threading.Lock()
        self._version = 0
        self._known: dict[str, PersonRules] = {}
        self._changes = 0
        store.on_change(self._forget)

    def known(self, user: str, version: int) -> PersonRules | None:
        """Return a person's rules if they were read at this version of the store, or later."""
        with self._lock:
            return self._known.get(user) if self._version >= version else None

    def for_person(self, user: str) -> PersonRules:
        """Return a person's rules, as they are now."""
        changes = self._changes
        with self._store.read() as connection:
            version = counter(connection, SNAPSHOT)
            profiles = resources.certificate_profiles(connection)
            chosen = [each for each in profiles if each[1].applies_to.people]
            person = directory.find(connection, user)
            found, login = rules.NO_RULES, self._nobodys
            if person is not None:  # else the store refuses to record the certificate
                login = self._logins.of(connection, person)
            if person is not None and chosen:
                usable = _usable(connection, person)
                found = _strictest(
                    (name, spec)
                    for name, spec in chosen
                    if spec.applies_to.is_person(person.name, person.groups, usable)
                )
        both = PersonRules(found, login)
        self._remember(user, both, version, changes)
        return both

    def for_machine(self, kind: Kind, name: str) -> Rules:
        """Return the rules for the certificate of an edge or a PostgreSQL host."""
        with self._store.read() as connection:
            profiles = resources.certificate_profiles(connection)
        return _strictest(
            (profile, spec)
            for profile, spec in profiles
            if name in (spec.applies_to.edges if kind is Kind.EDGE else spec.applies_to.hosts)
        )

    def _forget(self) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _remember(self, user: str, found: PersonRules, version: int, changes: int) -> None:
        with self._lock:
            if version < self._version or changes != self._changes:
                return  # something changed while this was read
            if version > self._version or len(self._known) >= _MOST:
                self._known.clear()
            self._version = version
            self._known[user] = found


def _usable(connection: Connection, person: User) -> set[str]:
    """Return the services that somebody may use, if only for a time."""
    named = {
        service.name
        for service, spec in resources.services(connection)
        if spec.is_for(person.name, person.groups)
    }
    return named | set(admission.held(connection, person.name, EVER))


def _strictest(found: Iterable[tuple[str, CertificateProfileSpec]]) -> Rules:
    return rules.strictest([spec.rules(name) for name, spec in found])
