"""What a server should have of ours: what is wanted, as far as this server's facts allow it.

What they do not allow is a problem of the grants that ask for it, and of no others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pgward.access.facts import Door, Facts, Held, Role, Server, Thing
from pgward.access.looking import knows
from pgward.access.marks import Mark, RoleKind, bundle_role, is_reserved
from pgward.access.plans import (
    Default,
    Desired,
    Membership,
    Privilege,
    Problem,
    RoleWanted,
)
from pgward.access.quoting import is_name, is_text
from pgward.access.rights import ANY, ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.core.clock import rfc3339

_TO_COME: Mapping[str, str] = {
    "table": "TABLES",
    "sequence": "SEQUENCES",
    "function": "FUNCTIONS",
}
_NAMED = 3
_DATABASE_OWNER = "pg_database_owner"


@dataclass(slots=True)
class _Draft:
    facts: Facts
    integration: str
    ours: Mapping[str, Role]
    roles: dict[str, RoleWanted] = field(default_factory=dict)
    members: set[Membership] = field(default_factory=set)
    privileges: set[Privilege] = field(default_factory=set)
    defaults: set[Default] = field(default_factory=set)
    problems: dict[tuple[str, bool, bool], set[str]] = field(default_factory=dict)
    held: set[Privilege] = field(default_factory=set)
    joined: set[Membership] = field(default_factory=set)
    by_rights: dict[ObjectRights, list[Thing]] = field(default_factory=dict)

    def problem(
        self, text: str, grants: Iterable[str], *, fatal: bool = True, passing: bool = False
    ) -> None:
        """Note what cannot be, once, with all the grants that it is about."""
        self.problems.setdefault((text, fatal, passing), set()).update(grants)


def wish(wanted: Wanted, facts: Facts, integration: str) -> tuple[Desired, tuple[Problem, ...]]:
    """Return what the server should have, and what of the wanted it cannot."""
    ours = facts.server.ours(integration)
    draft = _Draft(facts, integration, ours)
    draft.held = {each.privilege for each in _all_held(facts)}
    draft.joined = {each.membership for each in facts.server.members}
    accepted = _access_roles(draft, wanted)
    _bundles(draft, wanted, accepted)
    for grant in accepted:
        _rights(draft, grant.role, grant.rights, {grant.id})
    problems = tuple(
        Problem(text, frozenset(grants), fatal, passing)
        for (text, fatal, passing), grants in draft.problems.items()
    )
    desired = Desired(
        draft.roles,
        frozenset(draft.members),
        frozenset(draft.privileges),
        frozenset(draft.defaults),
    )
    return desired, problems


def _all_held(facts: Facts) -> Iterable[Held]:
    yield from facts.server.held
    for database in facts.databases.values():
        yield from database.held


def _access_roles(draft: _Draft, wanted: Wanted) -> list[Grant]:
    """Note the roles of people; return the grants whose role can be."""
    by_role: dict[str, list[Grant]] = {}
    for grant in wanted.grants:
        by_role.setdefault(grant.role, []).append(grant)
    bundles = {bundle_role(each) for each in wanted.bundles}
    accepted: list[Grant] = []
    for role, grants in sorted(by_role.items()):
        person = _whose(draft, role, grants)
        theirs = [each for each in grants if each.person == person]
        others = {each.id for each in grants if each.person != person}
        if others:
            draft.problem(
                f"the role {role!r} is {person}'s; hint: the integration's roleName must give "
                "each person a name of their own",
                others,
            )
        ids = frozenset(each.id for each in theirs)
        why = _refused(draft, role, Mark(draft.integration, "access", person))
        if role in bundles:
            why = "is the name of a bundle's role"
        elif role == wanted.reassign_to:
            why = "is the one that gets what access roles own"
        if why:
            draft.problem(f"the role {role!r} {why}; hint: change the integration's roleName", ids)
            continue
        until = rfc3339(max(each.until for each in theirs))
        mark = Mark(draft.integration, "access", person, wanted.passwords.get(role))
        draft.roles[role] = RoleWanted(role, mark, until, ids)
        accepted += theirs
    return accepted


def _whose(draft: _Draft, role: str, grants: Iterable[Grant]) -> str:
    """Return whose a role is: of the person that has it, else of the first by name."""
    people = sorted({each.person for each in grants})
    known = draft.ours.get(role)
    if known is not None and known.mark is not None and known.mark.name in people:
        return known.mark.name
    return people[0]


def _refused(draft: _Draft, role: str, mark: Mark) -> str | None:
    """Return why a role of this name cannot be ours, if it cannot."""
    known = draft.facts.server.roles.get(role)
    if is_reserved(role) or not is_name(role):
        return "is a name that PostgreSQL does not give"
    if role == draft.facts.server.user:
        return "is the connector's own account"
    return None if known is None else _anothers(known, mark, draft.facts.server)


def _anothers(known: Role, mark: Mark, server: Server) -> str | None:
    """Return why a role that is there is not ours to give, if so."""
    if known.mark is None:
        return "was there before and was not made by pgward"
    if known.mark != mark:
        return f"was made for {_told(known.mark)}"
    if known.superuser and not server.superuser:
        return "was made a superuser by somebody: a superuser must take that away"
    return None


def _told(mark: Mark) -> str:
    what: Mapping[RoleKind, str] = {"access": "", "bundle": "the bundle "}
    return f"{what[mark.kind]}{mark.name} of the integration {mark.integration}"


def _bundles(draft: _Draft, wanted: Wanted, accepted: Iterable[Grant]) -> None:
    users: dict[str, list[Grant]] = {}
    for grant in accepted:
        for bundle in grant.bundles:
            users.setdefault(bundle, []).append(grant)
    for bundle, grants in sorted(users.items()):
        role = bundle_role(bundle)
        ids = frozenset(each.id for each in grants)
        mark = Mark(draft.integration, "bundle", bundle)
        why = _refused(draft, role, mark)
        if why:
            draft.problem(f"the role {role!r} of the bundle {bundle} {why}", ids)
            continue
        draft.roles[role] = RoleWanted(role, mark, None, ids)
        draft.members |= {Membership(role, each.role) for each in grants}
        _rights(draft, role, wanted.bundles[bundle], ids)


def _rights(draft: _Draft, grantee: str, rights: Rights, grants: Iterable[str]) -> None:
    for role in sorted(rights.roles):
        why = _not_granted(draft, role, grantee)
        if why:
            draft.problem(why, grants)
        else:
            draft.members.add(Membership(role, grantee))
    for each in sorted(rights.objects):
        _object_rights(draft, grantee, each, grants)


def _not_granted(draft: _Draft, role: str, grantee: str) -> str | None:
    """Return why nobody gets a membership in a role, if so."""
    known = draft.facts.server.roles.get(role)
    if known is None:
        return f"there is no role {role!r}"
    if known.reaches:
        return f"{role!r} is, or can become, a superuser or the connector: nobody is made one"
    if known.mark is not None or role in draft.roles:
        return f"{role!r} is a role that pgward made for somebody: it is not granted on"
    if not known.admin and Membership(role, grantee) not in draft.joined:
        user = draft.facts.server.user
        return (
            f"the connector may not grant {role!r}; hint: "
            f'as its owner or a superuser: GRANT "{role}" TO "{user}" WITH ADMIN OPTION'
        )
    return None


def _object_rights(
    draft: _Draft, grantee: str, rights: ObjectRights, grants: Iterable[str]
) -> None:
    server, database = draft.facts.server, rights.database
    for privilege in rights.privileges:
        if not knows(privilege, server.version):
            draft.problem(f"PostgreSQL {server.version} has no privilege {privilege}", grants)
    door = server.doors.get(database)
    if door is None:
        draft.problem(f"there is no database {database!r}", grants)
        return
    if rights.kind == "database":
        _on_database(draft, grantee, rights, door, grants)
        return
    if database not in draft.facts.databases:
        why = draft.facts.closed.get(database, "nobody can connect to it")
        text = f"the database {database!r} cannot be entered: {why}"
        draft.problem(text, grants, passing=True)
        return
    _on_things(draft, grantee, rights, grants)


def _on_database(
    draft: _Draft, grantee: str, rights: ObjectRights, door: Door, grants: Iterable[str]
) -> None:
    for privilege in rights.privileges:
        key = Privilege(door.name, "database", "", "", "", grantee, privilege)
        if privilege in door.can or key in draft.held:
            draft.privileges.add(key)
        else:
            draft.problem(
                f"the connector may not grant {privilege} on the database {door.name!r}, "
                f"which {door.owner!r} owns; hint: pgward connector set-up",
                grants,
            )


def _on_things(draft: _Draft, grantee: str, rights: ObjectRights, grants: Iterable[str]) -> None:
    things = _meant(draft, rights)
    exact = ANY not in rights.name and ANY not in rights.schema
    if exact and not things and not rights.future:
        name = f"{rights.schema}.{rights.name}" if rights.schema else rights.name
        draft.problem(f"there is no {rights.kind} {name!r} in {rights.database!r}", grants)
    privileges = [each for each in rights.privileges if knows(each, draft.facts.server.version)]
    given = False
    unmet: list[Thing] = []
    for thing in things:
        for privilege in privileges:
            key = Privilege(
                *(rights.database, thing.kind, thing.schema, thing.name, thing.args),
                *(grantee, privilege),
            )
            if privilege in thing.can or key in draft.held:
                draft.privileges.add(key)
                given = True
            elif thing not in unmet[-1:] and (exact or not thing.extension):
                unmet.append(thing)
    if unmet:
        owner = draft.facts.server.doors[rights.database].owner
        draft.problem(_not_given(rights, unmet, owner), grants, fatal=exact or not given)
    if rights.future and rights.name == ANY and rights.kind in _TO_COME:
        _to_come(draft, grantee, rights, privileges)


def _meant(draft: _Draft, rights: ObjectRights) -> list[Thing]:
    """Return the objects that rights mean; many grants ask for the same."""
    if rights not in draft.by_rights:
        draft.by_rights[rights] = [
            each
            for each in draft.facts.databases[rights.database].things
            if each.kind == rights.kind and rights.covers(each.schema, each.name)
        ]
    return draft.by_rights[rights]


def _not_given(rights: ObjectRights, unmet: list[Thing], database_owner: str) -> str:
    named = ", ".join(f"{each.schema}.{each.name}".lstrip(".") for each in unmet[:_NAMED])
    more = f" and {len(unmet) - _NAMED} more" if len(unmet) > _NAMED else ""
    owners = ", ".join(sorted({repr(each.owner) for each in unmet})[:_NAMED])
    whose = "the owner"
    if any(each.owner == _DATABASE_OWNER for each in unmet):
        # Its one member is the database's owner: nobody can be granted it (manual, chapter 21.5).
        whose = f"{database_owner!r}, who owns the database"
    return (
        f"the connector may not grant {', '.join(rights.privileges)} in {rights.database!r} on "
        f"{named}{more}, owned by {owners}; hint: make it a member of {whose} "
        "(pgward connector set-up --owner)"
    )


def _to_come(draft: _Draft, grantee: str, rights: ObjectRights, privileges: Iterable[str]) -> None:
    """Have those who made objects there, or may, give the privileges on what they make next."""
    makers: dict[str, set[str]] = {}
    for each in draft.facts.databases[rights.database].things:
        if each.kind == "schema" and rights.covers(each.name, ANY) and _acts(draft, each):
            makers.setdefault(each.name, set()).add(each.owner)
    for each in _meant(draft, rights):
        if each.schema in makers or rights.covers(each.schema, ANY):
            owners = makers.setdefault(each.schema, set())
            if _acts(draft, each):
                owners.add(each.owner)
    draft.defaults |= {
        Default(rights.database, owner, schema, _TO_COME[rights.kind], grantee, privilege)
        for schema, owners in makers.items()
        for owner in owners
        for privilege in privileges
    }


def _acts(draft: _Draft, thing: Thing) -> bool:
    """Tell whether we may speak for its owner, who is a role that makes objects and stays."""
    plain = not is_reserved(thing.owner) and thing.owner not in draft.ours and is_text(thing.owner)
    return thing.owner_usage and plain
