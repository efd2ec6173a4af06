"""The role and the database that somebody asks for with a handle: whether a service grants them.

An edge would pass over what a service forces, without a word, and refuse the rest. Whoever asks
hears so before there is a handle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.service_postgres import PostgresSettings, UserRule
from pgward.core.errors import InvalidInputError

_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for; None is what the service says."""

    role: str | None = None
    database: str | None = None

    def check(self, connection: Connection, person: str, service: str, now: datetime) -> None:
        """Raise InvalidInputError where no configuration of the service gives this person that.

        Which configuration it will be, the rules say as the connection is made.
        """
        if self.role is None and self.database is None:
            return
        spec = ServiceSpec.model_validate(resources.get(connection, "Service", service).spec)
        if spec.postgres is None:
            return
        configs = tuple(spec.postgres.whole(spec.upstream).values())
        if self.role is not None:
            granted = admission.held(connection, person, now).get(service)
            asking = _Person(person, None if granted is None else granted.role)
            _check_role(self.role, configs, asking, service)
        if self.database is not None:
            _check_database(self.database, configs, service)


class _Person(NamedTuple):
    """Who asks; ``granted`` is the access role, if there is one now."""

    name: str
    granted: str | None

    def own(self, rule: UserRule) -> set[str | None]:
        """Return the roles that are this person's alone."""
        return {rule.own(self.name), self.granted if rule.from_grant else None}


def _check_role(
    role: str, configs: Iterable[PostgresSettings], person: _Person, service: str
) -> None:
    rules = [each.user for each in configs if each.user is not None]
    if any(rule.lets_be(role, person.name, person.granted) for rule in rules):
        return
    forced = {rule.force for rule in rules if rule.force is not None}
    if len(forced) == 1 and all(rule.force is not None for rule in rules):
        raise InvalidInputError(
            f"everyone lands as {forced.pop()} at {service}, and not as {role!r}",
            hint="leave --role out",
        )
    own = {role for rule in rules for role in person.own(rule)}
    known = forced | own | {each for rule in rules for each in (*(rule.allow or ()), rule.default)}
    raise InvalidInputError(
        f"you cannot land as {role!r} at {service}", hint=_choice("--role", known)
    )


def _check_database(database: str, configs: Iterable[PostgresSettings], service: str) -> None:
    rules = [each.database for each in configs]
    if any(rule is None or rule.lets_in(database) for rule in rules):
        return
    given = [rule for rule in rules if rule is not None]
    forced = {rule.force for rule in given if rule.force is not None}
    if len(forced) == 1 and all(rule.force is not None for rule in given):
        raise InvalidInputError(
            f"everyone lands in the database {forced.pop()} at {service}, and not in {database!r}",
            hint="leave --database out",
        )
    known = forced | {each for rule in given for each in (*(rule.allow or ()), rule.default)}
    raise InvalidInputError(
        f"you cannot land in the database {database!r} at {service}",
        hint=_choice("--database", known),
    )


def _choice(option: str, names: Iterable[str | None]) -> str:
    known = sorted(each for each in names if each is not None)
    more = ", …" if len(known) > _MOST_SHOWN else ""
    return f"{option} {' or '.join(known[:_MOST_SHOWN])}{more}"
