"""What leads from a server as it is to the server as it should be.

Roles are ours by their marks. All that they have and should not is taken away, and all that is
missing is given; of the roles that nobody has any more nothing is left, unless they own something
and nobody was named to get it. What is planned twice is empty the second time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pgward.access import statements as sql
from pgward.access.facts import Facts, Held, Member, Owned, Role, Server
from pgward.access.handing_on import why_it_stays
from pgward.access.plans import (
    Desired,
    Drift,
    End,
    Membership,
    Phase,
    Plan,
    Privilege,
    Problem,
    RoleWanted,
    Sql,
    Step,
)
from pgward.access.quoting import is_text
from pgward.access.wanted import Wanted
from pgward.access.wishes import wish

_Group = tuple[str, str, str, str]  # database, grantee, as which role, borrowed of whom


@dataclass(slots=True)
class _Draft:
    facts: Facts
    desired: Desired
    before: Desired | None
    ours: Mapping[str, Role]
    steps: list[Step] = field(default_factory=list)
    ends: dict[tuple[Phase, str], bool] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lost: dict[str, bool] = field(default_factory=dict)  # role: whether every session ends

    @property
    def server(self) -> Server:
        """What is the same from every database."""
        return self.facts.server

    def do(
        self,
        phase: Phase,
        role: str,
        statements: Iterable[Sql],
        database: str | None = None,
        *,
        whole: bool = False,
        around: tuple[Sql, ...] = (),
    ) -> None:
        """Add a step, unless there is nothing to do."""
        made = tuple(statements)
        if made:
            opening, closing = around[:1], around[1:]
            self.steps.append(Step(phase, role, made, database, whole, opening, closing))

    def lose(self, role: str, *, every: bool = False) -> None:
        """Note that a role has less than it had."""
        self.lost[role] = self.lost.get(role, False) or every

    def unmended(self, role: str, what: str, detail: str) -> None:
        """Note what somebody did and only somebody else can undo."""
        self.drift.append(Drift(what, role, detail, mended=False))
        grants = self.desired.roles[role].grants if role in self.desired.roles else frozenset()
        self.problems.append(Problem(f"{role!r}: {detail}", grants, fatal=False))


def plan(wanted: Wanted, facts: Facts, *, integration: str, before: Desired | None = None) -> Plan:
    """Return what to do so that a server is as the live grants in ``wanted`` want it.

    ``before`` is what was wanted the last time: what is otherwise than that is somebody's doing.
    """
    desired, problems = wish(wanted, facts, integration)
    if not facts.server.writable:
        told = Problem("the server is a standby: it takes no changes", frozenset(), fatal=False)
        return Plan(problems=(told,), desired=desired, writable=False)
    draft = _Draft(facts, desired, before, facts.server.ours(integration))
    ended = {name: role for name, role in draft.ours.items() if name not in desired.roles}
    for name, role in sorted(ended.items()):
        _disable(draft, name, role)
    beyond = _beyond_reach(draft, wanted)
    for name, wish_of in sorted(desired.roles.items()):
        if name in beyond:
            _lock(draft, wish_of, beyond[name])
        else:
            _role(draft, wish_of, draft.ours.get(name))
    _memberships(draft)
    _take_privileges(draft)
    _take_defaults(draft)
    _interrupt(draft)
    _remove(draft, ended, wanted.reassign_to)
    _give(draft)
    ends = tuple(End(phase, role, every) for (phase, role), every in draft.ends.items())
    return Plan(tuple(draft.steps), ends, (*problems, *draft.problems), tuple(draft.drift), desired)


def _disable(draft: _Draft, name: str, role: Role) -> None:
    """Let nobody in as a role that is over, and end who is in."""
    if role.login:
        draft.do("disable", name, sql.locked(name, role.mark), whole=True)
    if role.login or role.sessions:
        draft.ends["end", name] = True


def _beyond_reach(draft: _Draft, wanted: Wanted) -> dict[str, str]:
    """Return access roles with something where they should have nothing, and that is not seen.

    Whoever owns a database can keep the connector out of it, and so what is in there in place.
    Where nobody enters any more, who is in goes on; and it may open again before the next look.
    """
    meant = {
        (grant.role, each.database)
        for grant in wanted.grants
        for each in grant.rights.objects
        if each.kind != "database"
    }
    return {
        role: database
        for role, database in sorted(draft.server.places - meant)
        if database in draft.facts.closed
        and role in draft.desired.roles
        and draft.desired.roles[role].until is not None
    }


def _lock(draft: _Draft, wanted: RoleWanted, database: str) -> None:
    """Let nobody in as a role that has more than it should, as far as can be known."""
    _disable(draft, wanted.name, draft.ours[wanted.name])
    why = (
        f"nobody can log in as {wanted.name!r} for now: it has something in {database!r}, which "
        f"cannot be entered: {draft.facts.closed[database]}"
    )
    draft.problems.append(Problem(why, wanted.grants))


def _role(draft: _Draft, wanted: RoleWanted, role: Role | None) -> None:
    """Make a role what it should be."""
    name = wanted.name
    if role is None:
        draft.do("create", name, sql.create(name, wanted.mark, wanted.until), whole=True)
        if draft.before is not None and name in draft.before.roles:
            draft.drift.append(Drift("role", name, "the role had been dropped"))
        return
    extra = sorted(role.attributes) + (["SUPERUSER"] if role.superuser else [])
    beyond = [each for each in extra if not _mendable(draft.server, each)]
    extra = [each for each in extra if each not in beyond]
    if beyond:
        detail = f"has {', '.join(beyond)}; hint: a superuser must take that away"
        draft.unmended(name, "attributes", detail)
    if extra:
        draft.do("disable", name, [sql.alter(name, [_opposite(each) for each in extra])])
        draft.drift.append(Drift("attributes", name, f"had {', '.join(extra)}"))
        draft.lose(name, every=True)
    if wanted.until is None and role.login:
        draft.do("disable", name, [sql.alter(name, ["NOLOGIN", "PASSWORD NULL"])])
        draft.drift.append(Drift("attributes", name, "somebody could log in as it"))
        draft.ends["end", name] = True
    changes = ["CONNECTION LIMIT -1"] if role.limit != -1 else []
    if wanted.until is not None:
        changes += ["LOGIN"] if not role.login else []
        changes += [sql.valid_until(wanted.until)] if role.until != wanted.until else []
        _password(draft, wanted, role)
    if changes:
        draft.do("create", name, [sql.alter(name, changes)])


def _password(draft: _Draft, wanted: RoleWanted, role: Role) -> None:
    """Give an access role the password that it should have; the mark tells which it has."""
    has = None if role.mark is None else role.mark.password
    if has != wanted.mark.password:
        phase: Phase = "disable" if wanted.mark.password is None else "create"
        draft.do(phase, role.name, sql.password(role.name, wanted.mark), whole=True)


def _mendable(server: Server, attribute: str) -> bool:
    """Tell whether CREATEROLE alone is enough to change an attribute (manual, ALTER ROLE)."""
    if server.superuser or attribute in ("CREATEROLE", "NOINHERIT"):
        return True
    return attribute == "CREATEDB" and server.version < sql.FIRST_OPTIONS


def _opposite(attribute: str) -> str:
    return attribute.removeprefix("NO") if attribute.startswith("NO") else f"NO{attribute}"


def _memberships(draft: _Draft) -> None:
    """Take away memberships that should not be, and those that allow more than they should."""
    there: set[Membership] = set()
    for each in draft.server.members:
        if each.role not in draft.ours and each.member not in draft.ours:
            continue
        if each.member == draft.server.user:
            continue  # its hold on roles that it made itself
        if each.membership not in draft.desired.members:
            _leave(draft, each, "membership")
        elif _is_plain(each, draft.server.version):
            there.add(each.membership)
        elif draft.server.version < sql.FIRST_OPTIONS and each.mine:
            there.add(each.membership)
            draft.do("disable", each.member, [sql.no_admin(each.role, each.member)])
            draft.drift.append(Drift("membership", each.member, f"could grant {each.role!r} on"))
        else:
            _leave(draft, each, "membership")
    for new in sorted(draft.desired.members - there):
        draft.do("grant", new.member, [sql.join(new.role, new.member, draft.server.version)])
        was = draft.before is not None and new in draft.before.members
        _missed(draft, new.member, f"was no member of {new.role!r}", was)


def _missed(draft: _Draft, role: str, detail: str, was: bool) -> None:
    if was:
        draft.drift.append(Drift("missing", role, detail))


def _is_plain(member: Member, version: int) -> bool:
    """Tell whether a membership gives rights, and neither the role nor others the same."""
    if version < sql.FIRST_OPTIONS:
        return not member.admin
    return not member.admin and member.inherit and not member.set_role


def _leave(draft: _Draft, member: Member, what: str) -> None:
    ours = member.member if member.member in draft.ours else member.role
    detail = f"{member.member!r} was a member of {member.role!r}"
    names = (member.role, member.member, member.grantor)
    if not member.mine or not all(map(is_text, names)):
        detail += f" by {member.grantor!r}; hint: that role, or a superuser, must revoke it"
        draft.unmended(ours, what, detail)
        return
    draft.do(
        "disable",
        ours,
        [sql.leave(member.role, member.member, member.grantor, draft.server.version)],
    )
    if draft.before is not None and member.membership not in draft.before.members:
        draft.drift.append(Drift(what, ours, detail))
    if member.member in draft.ours:
        # Who became a role by SET ROLE is it until the session ends.
        draft.lose(member.member, every=member.set_role)


def _take_privileges(draft: _Draft) -> None:
    taken: dict[_Group, list[Held]] = {}
    fewer: dict[_Group, list[Held]] = {}
    losers: set[str] = set()
    for held in _all_held(draft.facts):
        grantee = held.privilege.grantee
        if held.privilege in draft.desired.privileges and not held.grantable:
            continue
        borrowed = "" if held.mine or held.owner not in draft.ours else held.owner
        if not (held.mine or borrowed):
            detail = (
                f"has {held.privilege.privilege} on {_place(held.privilege)} by {held.grantor!r}; "
                "hint: that role, or a superuser, must revoke it"
            )
            draft.unmended(grantee, "privilege", detail)
            continue
        database = None if held.privilege.kind == "database" else held.privilege.database
        into = fewer if held.privilege in draft.desired.privileges else taken
        into.setdefault((database or "", grantee, held.via, borrowed), []).append(held)
        _by_hand(draft, held)
        losers.add(grantee)
    _lost(draft, losers)
    for made, group in ((sql.revoked, taken), (sql.not_grantable, fewer)):
        for (inside, grantee, via, borrowed), found in sorted(group.items()):
            become = (sql.become(via), sql.RESET) if via else ()
            around = _borrowed(draft, borrowed) if borrowed else become
            done = made([each.privilege for each in found])
            draft.do("revoke", grantee, done, inside or None, around=around)


def _all_held(facts: Facts) -> Iterable[Held]:
    yield from facts.server.held
    for database in facts.databases.values():
        yield from database.held


def _by_hand(draft: _Draft, held: Held) -> None:
    if draft.before is None:
        return
    if held.privilege not in draft.before.privileges or held.grantable:
        draft.drift.append(
            Drift(
                "privilege",
                held.privilege.grantee,
                f"had {held.privilege.privilege} on {_place(held.privilege)} by {held.grantor!r}"
                + (", and could grant it on" if held.grantable else ""),
            )
        )


def _place(privilege: Privilege) -> str:
    parts = [privilege.database, privilege.schema, privilege.name, privilege.args]
    return f"{privilege.kind} {'.'.join(each for each in parts if each)}"


def _lost(draft: _Draft, roles: set[str]) -> None:
    """Note that roles, and those who have them as bundles, lost something."""
    for role in roles:
        draft.lose(role)
    for each in draft.server.members:
        if each.role in roles and each.member in draft.ours:
            draft.lose(each.member)


def _take_defaults(draft: _Draft) -> None:
    for database, inside in sorted(draft.facts.databases.items()):
        extra = [each for each in inside.defaults if each.default not in draft.desired.defaults]
        for held in extra:
            if not held.mine:
                detail = (
                    f"gets {held.default.privilege} on {held.default.objects} that "
                    f"{held.default.owner!r} makes in {database!r}; hint: that role, or a "
                    "superuser, must revoke it"
                )
                draft.unmended(held.default.grantee, "default privilege", detail)
            elif draft.before is not None and held.default not in draft.before.defaults:
                detail = f"got {held.default.privilege} on {held.default.objects} to come"
                draft.drift.append(Drift("default privilege", held.default.grantee, detail))
        for grantee in sorted({each.default.grantee for each in extra if each.mine}):
            mine = [e.default for e in extra if e.mine and e.default.grantee == grantee]
            draft.do("revoke", grantee, sql.defaults(mine, give=False), database)


def _interrupt(draft: _Draft) -> None:
    """End the sessions of roles that live on with less, as far as they could go on with more."""
    for role, every in sorted(draft.lost.items()):
        wanted = draft.desired.roles.get(role)
        if wanted is not None and wanted.until is not None:
            draft.ends["interrupt", role] = every


def _remove(draft: _Draft, ended: Mapping[str, Role], heir: str | None) -> None:
    for name in sorted(ended):
        owned = {
            database: [each for each in inside.owned if each.role == name]
            for database, inside in draft.facts.databases.items()
        }
        why = why_it_stays([e for found in owned.values() for e in found], draft.server, heir)
        if why is not None:
            told = f"the role {name!r} stays, and nobody can log in as it: {why}"
            draft.problems.append(Problem(told, frozenset(), fatal=False))
            continue
        closed = {database for role, database in draft.server.places if role == name}
        closed &= draft.facts.closed.keys()
        if closed:
            draft.problems.append(
                Problem(
                    f"the role {name!r} stays, and nobody can log in as it: it has something in "
                    f"{min(closed)!r}, which cannot be entered: {draft.facts.closed[min(closed)]}",
                    fatal=False,
                )
            )
            continue
        for database, found in sorted(owned.items()):
            if found:
                _hand_on(draft, name, found, database, heir)
        draft.do("drop", name, [sql.no_sessions(name), sql.drop(name)], whole=True)


def _hand_on(
    draft: _Draft, name: str, owned: Iterable[Owned], database: str, heir: str | None
) -> None:
    found = list(owned)
    done = [Sql(each) for one in found for each in one.mend]
    if heir is not None and any(each.kind == "object" for each in found):
        done.append(sql.reassign(name, heir))
    done += [sql.nothing_owned(name), sql.drop_owned(name)]
    draft.do("reassign", name, done, database, whole=True, around=_borrowed(draft, name))
    objects = [each.identity for each in found if each.kind == "object"]
    if objects and heir is not None:
        told = ", ".join(objects[:5]) + (", …" if len(objects) > 5 else "")  # noqa: PLR2004
        draft.drift.append(Drift("owned", name, f"{heir!r} gets what it owned: {told}"))


def _borrowed(draft: _Draft, role: str) -> tuple[Sql, Sql] | tuple[()]:
    """Return what makes us a member of a role of ours, and what leaves no trace of that."""
    if draft.ours[role].usage:
        return ()
    user = draft.server.user
    return sql.borrow(role, user, draft.server.version), sql.give_back(role, user)


def _give(draft: _Draft) -> None:
    have = {each.privilege for each in _all_held(draft.facts)}
    missing: dict[tuple[str, str, str], list[Privilege]] = {}
    for each in draft.desired.privileges - have:
        missing.setdefault((each.database, each.grantee, each.kind), []).append(each)
        was = draft.before is not None and each in draft.before.privileges
        _missed(draft, each.grantee, f"had no {each.privilege} on {_place(each)}", was)
    for (database, grantee, kind), found in sorted(missing.items()):
        draft.do("grant", grantee, sql.granted(found), None if kind == "database" else database)
    for database, inside in sorted(draft.facts.databases.items()):
        there = {each.default for each in inside.defaults}
        new = [e for e in draft.desired.defaults if e.database == database and e not in there]
        for grantee in sorted({each.grantee for each in new}):
            mine = [each for each in new if each.grantee == grantee]
            draft.do("grant", grantee, sql.defaults(mine, give=True), database)
