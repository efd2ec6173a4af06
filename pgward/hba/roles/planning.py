"""What to change so that a server's map and roles are as the CA wants them.

No role is touched that pgward did not make; nobody is mapped to a superuser, or to what can become
one, unless that was said; and most people do not lose their last role at once by somebody's slip.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pgward.hba.roles import statements as sql
from pgward.hba.roles.facts import Facts, Mark, Role
from pgward.hba.roles.section import Pair
from pgward.hba.roles.wanted import Own, Person, Wanted

LEAST_HELD = 3
"""From so many people on it is looked at how many lose all their roles at once."""
_NAMED = 5
_NOBODYS = frozenset({"public", "none"})


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with one role, all of it or nothing."""

    role: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What to do, in this order: ``steps``, the new ``pairs``, ``ended``, ``drops``.

    ``ended_roles`` are those whose every session ends. ``held`` says what is not done unless it
    is forced.
    """

    pairs: frozenset[Pair] = frozenset()
    steps: tuple[Step, ...] = ()
    ended: frozenset[Pair] = frozenset()
    ended_roles: frozenset[str] = frozenset()
    drops: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    held: str | None = None

    @property
    def statements(self) -> tuple[str, ...]:
        """All of the steps, one after the other."""
        return tuple(each for step in self.steps for each in step.statements)

    @property
    def dropped(self) -> tuple[str, ...]:
        """What removes roles."""
        return tuple(each for step in self.drops for each in step.statements)

    def without(self, refused: Mapping[str, str]) -> "Planned":
        """Return what is left where the server refused steps: nobody gets in as such a role."""
        left = {pair for pair in self.pairs if pair[1] in refused}
        told = [f"nothing was done about the role {role!r}: {why}" for role, why in refused.items()]
        return replace(
            self,
            pairs=self.pairs - left,
            ended=self.ended | left,
            notes=(*self.notes, *told),
        )


@dataclass(slots=True)
class _Draft:
    pairs: set[Pair] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)  # roles of ours that stay

    def do(self, role: str, statements: Iterable[str]) -> None:
        """Add a step, unless there is nothing to do."""
        made = tuple(statements)
        if made:
            self.steps.append(Step(role, made))


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
        draft.do(role.name, _disabled(role))
    return Planned(
        pairs=frozenset(draft.pairs),
        steps=tuple(draft.steps),
        ended=present - draft.pairs,
        ended_roles=frozenset(role.name for role in gone),
        drops=tuple(Step(each, (sql.drop(each),)) for each in dropped) if writable else (),
        notes=tuple(draft.notes),
        held=_told(held, len(_people(present, ours))) if stay else None,
    )


def without(
    over: frozenset[Pair], present: frozenset[Pair], _facts: Facts | None = None
) -> Planned:
    """Return what to do where nothing is known but what is over: only lines go, and sessions."""
    return Planned(pairs=present - over, ended=present & over)


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
            if not role.login:
                draft.notes.append(f"{grant.role!r} is NOLOGIN: {person.name} cannot log in as it")
            draft.pairs.add((person.name, grant.role))
    if person.own is not None:
        _own(draft, person, person.own, facts, map_name)


def _own(draft: _Draft, person: Person, own: Own, facts: Facts, map_name: str) -> None:
    role = facts.roles.get(own.role)
    if own.role in draft.kept or _is_reserved(own.role):
        why = "is another person's" if own.role in draft.kept else "is a name of PostgreSQL's own"
        draft.notes.append(f"the role {own.role!r} {why}: {person.name} gets none")
        return
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
        draft.do(own.role, _made(own, mark) if role is None else _mended(role, own, mark))
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
        elif own.role in _reached(group, facts):
            draft.notes.append(f"{group!r} is a member of {own.role!r} itself: it goes no circle")
        else:
            found.add(group)
    return found


def _reached(role: str, facts: Facts) -> set[str]:
    """Return a role and all that it is a member of, directly or not."""
    found, left = set[str](), [role]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += facts.roles[each].member_of if each in facts.roles else ()
    return found


def _is_reserved(role: str) -> bool:
    """Tell whether the server refuses to make such a role, whatever the quotes."""
    return role.startswith("pg_") or role in _NOBODYS


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
