"""Who may log in as which role on one host, by all role maps that name it, and by grants.

What nobody can want is left out and said: two people with one role of their own, a person whose
own role would be a superuser, or a role that the maps give to others.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.identity import directory, machines
from pgward.ca.identity.directory import User
from pgward.ca.resources import role_names, stored
from pgward.ca.resources.host_grants import HostGrants
from pgward.ca.resources.role_map import RoleMapSpec
from pgward.core.clock import rfc3339
from pgward.core.errors import ConflictError, InvalidInputError

_NO_GRANTS = HostGrants()
MAX_PAIRS = 20_000
"""Most pairs of a person and a role on one host."""
MAX_NOTES = 100
_MOST_REMOVED = 50

NamedMap = tuple[str, RoleMapSpec]


@dataclass(slots=True)
class _Own:
    """The role that is made for a person, by all maps that want one."""

    role: str
    superuser: bool = False
    member_of: set[str] = field(default_factory=set)
    limits: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as hosts read it."""
        return {
            "role": self.role,
            "superuser": self.superuser,
            "member_of": sorted(self.member_of),
            "connection_limit": min(self.limits, default=None),
        }


@dataclass(slots=True)
class _Person:
    """A person's roles; True for those that may be a superuser's.

    ``called`` are those that the person has by name alone, made by us or by others. ``until`` are
    the ends of those that only a grant gives.
    """

    roles: dict[str, bool] = field(default_factory=dict)
    own: _Own | None = None
    called: set[str] = field(default_factory=set)
    until: dict[str, datetime] = field(default_factory=dict)

    def to_json(self, name: str) -> dict[str, Any]:
        """Return it as hosts read it."""
        return {
            "name": name,
            "roles": [
                {"role": role, "superuser": may, **self._end(role)}
                for role, may in sorted(self.roles.items())
            ],
            "own": None if self.own is None else self.own.to_json(),
        }

    def _end(self, role: str) -> dict[str, str]:
        return {"until": rfc3339(self.until[role])} if role in self.until else {}


def resolve(
    maps: Sequence[NamedMap],
    people: Iterable[User],
    now: datetime,
    grants: HostGrants = _NO_GRANTS,
) -> dict[str, Any]:
    """Return what one host is told, but for the version; ConflictError when it is too much.

    ``digest`` changes when anything of it does. ``left`` are those who lost their rights by what
    they are, not by the maps: they are blocked, over, or gone, or their grant has ended.
    """
    everyone = list(people)
    able = [each for each in everyone if each.blocked_at is None and each.is_valid(now)]
    found, notes = _resolved(maps, able, grants)
    pairs = sum(len(each.roles) + (each.own is not None) for each in found.values())
    if pairs > MAX_PAIRS:
        raise ConflictError(
            f"the role maps and grants of this host come to {pairs} pairs of a person and a role",
            hint=f"at most {MAX_PAIRS}: map groups of people to roles that they share",
        )
    content = {
        "maps": [
            *(name for name, _ in maps),
            *(f"grants of {name}" for name in grants.integrations),
        ],
        "people": [
            each.to_json(name) for name, each in sorted(found.items()) if each.roles or each.own
        ],
        "left": sorted({*_left(maps, everyone, able), *(grants.over - found.keys())}),
        "drop": _drop([spec for _, spec in maps if spec.roles.manage]),
        "max_removed_percent": min(
            (spec.max_removed_percent for _, spec in maps), default=_MOST_REMOVED
        ),
        "notes": notes[:MAX_NOTES],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {"digest": hashlib.sha256(text.encode()).hexdigest(), **content}


def notes_about(connection: Connection, spec: RoleMapSpec) -> list[str]:
    """Return which names of a map are nobody's yet, with the nearest that are somebody's."""
    hosts = [each.name for each in machines.hosts(connection)]
    users = {each.name.lower(): each.name for each in directory.everyone(connection)}
    groups = list(directory.groups(connection))
    found = [_unknown("host", name, hosts) for name in spec.hosts]
    for rule in spec.rules:
        found += [_unknown("group", name, groups) for name in rule.groups]
        found += [
            _unknown("user", name, list(users.values()))
            for name in rule.users
            if name.lower() not in users
        ]
    return list(dict.fromkeys(each for each in found if each is not None))[:MAX_NOTES]


def maps_of(connection: Connection, host: str) -> list[NamedMap]:
    """Return the role maps that name a host."""
    return [each for each in stored.role_maps(connection) if host in each[1].hosts]


def _resolved(
    maps: Sequence[NamedMap], able: Sequence[User], grants: HostGrants
) -> tuple[dict[str, _Person], list[str]]:
    found: dict[str, _Person] = {}
    notes: list[str] = []
    shared = {role for _, spec in maps for rule in spec.rules for role in rule.roles}
    shared |= {role for _, spec in maps for role in spec.roles.member_of}
    for name, spec in maps:
        for user in able:
            chosen = [rule for rule in spec.rules if rule.names(user.name, user.groups)]
            if not chosen:
                continue
            person = found.setdefault(user.name, _Person())
            wanted = {role for rule in chosen for role in rule.roles}
            if role_names.OWN in wanted or spec.roles.manage:
                own = spec.own_role(user.name)
                wrong = _wrong_own(own, spec, shared)
                if wrong is not None:
                    notes.append(f"{name}: {user.name} gets no role {own!r}: {wrong}")
                else:
                    person.called.add(own)
                    (_manage if spec.roles.manage else _give)(person, own, spec)
            for role in wanted - {role_names.OWN}:
                _give(person, role, spec)
    _grant(found, {each.name for each in able}, grants)
    notes += _separate(found)
    return found, notes


def _grant(found: dict[str, _Person], able: set[str], grants: HostGrants) -> None:
    """Give people their access roles, which are theirs alone."""
    for (name, role), until in sorted(grants.pairs.items()):
        if name in able:
            person = found.setdefault(name, _Person())
            if role not in person.roles:
                person.roles[role], person.until[role] = False, until
            person.called.add(role)


def _wrong_own(own: str, spec: RoleMapSpec, shared: set[str]) -> str | None:
    try:
        role_names.role_name(own)
    except InvalidInputError as error:
        return error.message
    if own in shared:
        return "the role maps give it to others"
    if role_names.is_privileged(own) and not spec.allow_superuser:
        return "it is a superuser, or PostgreSQL's own"
    return None


def _manage(person: _Person, own: str, spec: RoleMapSpec) -> None:
    if person.own is None or person.own.role != own:
        person.own = _Own(own)
    person.own.superuser |= spec.allow_superuser
    person.own.member_of |= set(spec.roles.member_of)
    if spec.roles.connection_limit is not None:
        person.own.limits.append(spec.roles.connection_limit)


def _give(person: _Person, role: str, spec: RoleMapSpec) -> None:
    person.roles[role] = person.roles.get(role, False) or spec.allow_superuser


def _separate(found: dict[str, _Person]) -> list[str]:
    """Take roles away that were to be two people's own; return what to say of it."""
    owners = Counter(role for each in found.values() for role in each.called)
    notes: list[str] = []
    for name, person in sorted(found.items()):
        for role in sorted(each for each in person.called if owners[each] > 1):
            notes.append(f"{name} gets no role {role!r}: it would be others', too")
            person.roles.pop(role, None)
            if person.own is not None and person.own.role == role:
                person.own = None
    return notes


def _left(maps: Sequence[NamedMap], everyone: Sequence[User], able: Sequence[User]) -> list[str]:
    """Return whom the maps mean and who may not log in at all."""
    here = {each.name.lower() for each in able}
    found = {
        user.name
        for user in everyone
        if user.name.lower() not in here
        and any(rule.names(user.name, user.groups) for _, spec in maps for rule in spec.rules)
    }
    known = {each.name.lower() for each in everyone}
    found |= {
        user
        for _, spec in maps
        for rule in spec.rules
        for user in rule.users
        if user.lower() not in known
    }
    return sorted(found)


def _drop(managing: Sequence[RoleMapSpec]) -> str:
    unowned = bool(managing) and all(spec.roles.drop == "unowned" for spec in managing)
    return "unowned" if unowned else "never"


def _unknown(what: str, name: str, known: Sequence[str]) -> str | None:
    if name in known:
        return None
    near = get_close_matches(name, known, n=1)
    return f"there is no {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else " yet")
