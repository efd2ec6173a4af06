"""What to change so that a server's map and roles are as the CA wants them.

No role is touched that pgward did not make; nobody is mapped to a superuser, or to what can become
one, unless that was said; and most people do not lose their last role at once by somebody's slip.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pgward.hba.roles import statements as sql
from pgward.hba.roles.facts import Facts, Mark, Role
from pgward.hba.roles.section import Pair
from pgward.hba.roles.wanted import Own, Person, Wanted

LEAST_HELD = 3
"""From so many people on it is looked at how many lose all their roles at once."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """What to do, in this order: ``statements``, the new ``pairs``, ``ended``, ``dropped``.

    ``ended_roles`` are those whose every session ends. ``held`` says what is not done unless it
    is forced.
    """

    pairs: frozenset[Pair] = frozenset()
    statements: tuple[str, ...] = ()
    ended: frozenset[Pair] = frozenset()
    ended_roles: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    held: str | None = None


@dataclass(slots=True)
class _Draft:
    pairs: set[Pair] = field(default_factory=set)
    statements: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)  # roles of ours that stay


def plan(
    wanted: Wanted,
    present: frozenset[Pair],
    facts: Facts | None,
    *,
    map_name: str,
    force: bool = False,
) -> Planned:
    """Return what to do; without ``facts`` about roles the map can only shrink."""
    draft = _Draft(notes=list(wanted.notes))
    if facts is None:
        draft.pairs = set(_asked(wanted)) & present
    else:
        for person in wanted.people:
            _person(draft, person, facts, map_name)
    ours = _enabled(facts, map_name)
    held = _held(wanted, present, draft.pairs, ours)
    stay: set[str] = set()
    if held and not force:
        stay = set(held)
        draft.pairs |= {pair for pair in present if pair[0] in stay}
    gone = [
        role
        for role in _marked(facts, map_name)
        if role.name not in draft.kept and role.mark is not None and role.mark.person not in stay
    ]
    dropped = [role.name for role in gone if wanted.drop_unowned and not role.owns]
    writable = facts is not None and facts.writable
    for role in gone if writable else ():
        draft.statements += _disabled(role)
    return Planned(
        pairs=frozenset(draft.pairs),
        statements=tuple(draft.statements),
        ended=present - draft.pairs,
        ended_roles=frozenset(role.name for role in gone),
        dropped=tuple(sql.drop(each) for each in dropped) if writable else (),
        notes=tuple(draft.notes),
        held=_told(held, len(_people(present, ours))) if stay else None,
    )


def _asked(wanted: Wanted) -> Iterable[Pair]:
    for person in wanted.people:
        for each in person.roles:
            yield person.name, each.role
        if person.own is not None:
            yield person.name, person.own.role


def _person(draft: _Draft, person: Person, facts: Facts, map_name: str) -> None:
    for grant in person.roles:
        role = facts.roles.get(grant.role)
        if role is None:
            draft.notes.append(f"there is no role {grant.role!r}, which {person.name} may be")
        elif role.reaches_superuser and not grant.superuser:
            draft.notes.append(
                f"{grant.role!r} is a superuser or can become one: {person.name} may not be it "
                "unless the role map has allowSuperuser: true"
            )
        else:
            draft.pairs.add((person.name, grant.role))
    if person.own is not None:
        _own(draft, person, person.own, facts, map_name)


def _own(draft: _Draft, person: Person, own: Own, facts: Facts, map_name: str) -> None:
    role = facts.roles.get(own.role)
    if role is None and not facts.writable:
        draft.notes.append(f"the role {own.role!r} is made on the primary")
        return
    if role is not None and (role.mark is None or role.mark.person != person.name):
        whose = "was not made by pgward" if role.mark is None else f"is {role.mark.person}'s"
        draft.notes.append(f"the role {own.role!r} exists and {whose}: it is left as it is")
        return
    groups = _groups(draft, person, own, facts)
    mark = Mark(person.name, map_name, tuple(sorted(groups)))
    if facts.writable:
        draft.statements += _made(own, mark) if role is None else _mended(role, own, mark)
    ours = set() if role is None or role.mark is None else set(role.mark.member_of)
    by_hand = set() if role is None else role.member_of - groups - ours
    if by_hand:
        draft.notes.append(
            f"the role {own.role!r} was made a member of {', '.join(sorted(by_hand))} by somebody"
        )
    draft.kept.add(own.role)
    risky = {
        each for each in by_hand if each in facts.roles and facts.roles[each].reaches_superuser
    }
    if risky and not own.superuser:
        draft.notes.append(f"it can become a superuser by that: {person.name} may not be it")
        return
    draft.pairs.add((person.name, own.role))


def _groups(draft: _Draft, person: Person, own: Own, facts: Facts) -> set[str]:
    """Return what a person's own role may be a member of."""
    found: set[str] = set()
    for group in own.member_of:
        known = facts.roles.get(group)
        if known is None:
            draft.notes.append(
                f"there is no role {group!r}, of which {own.role!r} is to be a member"
            )
        elif known.reaches_superuser and not own.superuser:
            draft.notes.append(
                f"{group!r} is a superuser or can become one: {person.name} gets no part of it"
            )
        else:
            found.add(group)
    return found


def _made(own: Own, mark: Mark) -> list[str]:
    return [
        sql.create(own.role, own.connection_limit),
        sql.mark(own.role, mark),
        *(sql.grant(group, own.role) for group in mark.member_of),
    ]


def _mended(role: Role, own: Own, mark: Mark) -> list[str]:
    found: list[str] = []
    limit = -1 if own.connection_limit is None else own.connection_limit
    superuser = role.superuser and not own.superuser
    if not role.login or role.extras or superuser or role.limit != limit:
        found.append(sql.alter(role.name, own.connection_limit, superuser=own.superuser))
    before = set() if role.mark is None else set(role.mark.member_of)
    after = set(mark.member_of)
    found += [sql.grant(group, role.name) for group in sorted(after - role.member_of)]
    found += [sql.revoke(group, role.name) for group in sorted((before - after) & role.member_of)]
    if role.mark != mark:
        found.append(sql.mark(role.name, mark))
    return found


def _disabled(role: Role) -> list[str]:
    """Return what takes a role of ours out of use; what others granted to it stays."""
    found = [sql.disable(role.name)] if role.login else []
    if role.mark is not None and role.mark.member_of:
        ours = [each for each in role.mark.member_of if each in role.member_of]
        found += [sql.revoke(each, role.name) for each in ours]
        found.append(sql.mark(role.name, Mark(role.mark.person, role.mark.map)))
    return found


def _marked(facts: Facts | None, map_name: str) -> list[Role]:
    """Return the roles that pgward made for this map."""
    roles = [] if facts is None else list(facts.roles.values())
    return [role for role in roles if role.mark is not None and role.mark.map == map_name]


def _enabled(facts: Facts | None, map_name: str) -> set[str]:
    """Return the people whose own roles can log in now."""
    return {
        role.mark.person
        for role in _marked(facts, map_name)
        if role.login and role.mark is not None
    }


def _people(present: frozenset[Pair], ours: set[str]) -> set[str]:
    return {person for person, _ in present} | ours


def _held(
    wanted: Wanted, present: frozenset[Pair], after: Iterable[Pair], ours: set[str]
) -> list[str]:
    """Return who would lose every role, if they are too many to be lost by intent."""
    before = _people(present, ours)
    losing = sorted(before - {person for person, _ in after} - wanted.left)
    many = len(losing) * 100 > wanted.max_removed_percent * len(before)
    return losing if many and len(losing) >= LEAST_HELD else []


def _told(losing: list[str], before: int) -> str:
    named = ", ".join(losing[:_NAMED]) + (", …" if len(losing) > _NAMED else "")
    return f"{len(losing)} of {before} people would lose every role at once: {named}"
