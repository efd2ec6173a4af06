"""SQL about roles and rights. Every name is quoted, whatever it is.

Nothing here names a role's attribute that is as it should be: from 16 on, who says NOSUPERUSER or
NOCREATEDB must be, or have, what is not given (manual, chapter 21.2 and ALTER ROLE).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from pgward.access.marks import Mark
from pgward.access.plans import Default, Privilege, Sql
from pgward.access.quoting import identifier, literal, qualified

FIRST_OPTIONS: Final = 16
"""From it on a membership says whether it is inherited and whether SET ROLE may use it."""
MOST_ITEMS: Final = 200
"""Objects in one statement."""

_WORDS: Final = {
    "table": "TABLE",
    "column": "TABLE",
    "sequence": "SEQUENCE",
    "function": "ROUTINE",
    "schema": "SCHEMA",
    "database": "DATABASE",
    "type": "TYPE",
    "language": "LANGUAGE",
    "foreign data wrapper": "FOREIGN DATA WRAPPER",
    "foreign server": "FOREIGN SERVER",
    "large object": "LARGE OBJECT",
    "tablespace": "TABLESPACE",
    "parameter": "PARAMETER",
}


def create(role: str, mark: Mark, until: str | None) -> tuple[Sql, ...]:
    """Make a role that can do nothing; with an end it is one to log in as until then."""
    login = "NOLOGIN" if until is None else f"LOGIN VALID UNTIL {literal(until)}"
    has_password = mark.password is not None
    return (
        Sql(f"CREATE ROLE {identifier(role)} {login}"),
        *((_password(role),) if has_password else ()),
        _comment(role, mark),
    )


def password(role: str, mark: Mark) -> tuple[Sql, ...]:
    """Give a role the password that its mark says, or none; which it has is seen by that mark."""
    has_password = mark.password is not None
    given = _password(role) if has_password else alter(role, ["PASSWORD NULL"])
    return given, _comment(role, mark)


def locked(role: str, mark: Mark | None) -> tuple[Sql, ...]:
    """Let nobody in as a role, by a password or otherwise."""
    changed = alter(role, ["NOLOGIN", "PASSWORD NULL"])
    if mark is None or mark.password is None:
        return (changed,)
    return changed, _comment(role, mark.of(None))


def _password(role: str) -> Sql:
    """Take a verifier (manual, ALTER ROLE: a string in that format is stored as it is)."""
    return Sql(f"ALTER ROLE {identifier(role)} PASSWORD ", verifier_of=role)


def _comment(role: str, mark: Mark) -> Sql:
    return Sql(f"COMMENT ON ROLE {identifier(role)} IS {literal(mark.text())}")


def alter(role: str, changes: Iterable[str]) -> Sql:
    """Change attributes of a role, which come as SQL has them."""
    return Sql(f"ALTER ROLE {identifier(role)} {' '.join(changes)}")


def valid_until(until: str) -> str:
    """Return the attribute that ends a role's password (only passwords obey it)."""
    return f"VALID UNTIL {literal(until)}"


def drop(role: str) -> Sql:
    """Remove a role that nothing depends on; the server refuses otherwise."""
    return Sql(f"DROP ROLE {identifier(role)}")


def join(role: str, member: str, version: int) -> Sql:
    """Give a role's rights, though not the role: from 16 on nobody can become it by SET ROLE."""
    options = " WITH ADMIN FALSE, INHERIT TRUE, SET FALSE" if version >= FIRST_OPTIONS else ""
    return Sql(f"GRANT {identifier(role)} TO {identifier(member)}{options}")


def leave(role: str, member: str, grantor: str, version: int) -> Sql:
    """Take a role's rights away, and what was granted on with them."""
    by = f" GRANTED BY {identifier(grantor)}" if version >= FIRST_OPTIONS and grantor else ""
    return Sql(f"REVOKE {identifier(role)} FROM {identifier(member)}{by} CASCADE")


def no_admin(role: str, member: str) -> Sql:
    """Leave a member without the right to make others members (before 16)."""
    return Sql(f"REVOKE ADMIN OPTION FOR {identifier(role)} FROM {identifier(member)} CASCADE")


def borrow(role: str, user: str, version: int) -> Sql:
    """Make the connector's account a member of a role of its own, within one transaction."""
    options = " WITH INHERIT TRUE, SET FALSE" if version >= FIRST_OPTIONS else ""
    return Sql(f"GRANT {identifier(role)} TO {identifier(user)}{options}")


def give_back(role: str, user: str) -> Sql:
    """Undo ``borrow``."""
    return Sql(f"REVOKE {identifier(role)} FROM {identifier(user)}")


def become(role: str) -> Sql:
    """Act as a role for the rest of the transaction, or until it is undone."""
    return Sql(f"SET LOCAL ROLE {identifier(role)}")


RESET: Final = Sql("SET LOCAL ROLE NONE")
"""What RESET ROLE goes back to is for the owner of the database to say."""


def granted(privileges: Iterable[Privilege]) -> tuple[Sql, ...]:
    """Grant privileges, in as few statements as can be."""
    return _on_objects(privileges, "GRANT {} ON {} ", " TO {}")


def revoked(privileges: Iterable[Privilege]) -> tuple[Sql, ...]:
    """Revoke privileges, and what was granted on with them."""
    return _on_objects(privileges, "REVOKE {} ON {} ", " FROM {} CASCADE")


def not_grantable(privileges: Iterable[Privilege]) -> tuple[Sql, ...]:
    """Leave privileges without the right to grant them on."""
    return _on_objects(privileges, "REVOKE GRANT OPTION FOR {} ON {} ", " FROM {} CASCADE")


def defaults(wanted: Iterable[Default], *, give: bool) -> tuple[Sql, ...]:
    """Change what is granted on objects to come."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for each in sorted(wanted):
        key = (each.owner, each.schema, each.objects, each.grantee)
        groups.setdefault(key, []).append(each.privilege)
    found = []
    for (owner, schema, objects, grantee), privileges in groups.items():
        where = f" IN SCHEMA {identifier(schema)}" if schema else ""
        verb, to = ("GRANT", "TO") if give else ("REVOKE", "FROM")
        found.append(
            Sql(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(owner)}{where} "
                f"{verb} {', '.join(privileges)} ON {objects} {to} {identifier(grantee)}"
            )
        )
    return tuple(found)


def reassign(role: str, to: str) -> Sql:
    """Hand on what a role owns in the database, and shared objects."""
    return Sql(f"REASSIGN OWNED BY {identifier(role)} TO {identifier(to)}")


def nothing_owned(role: str) -> Sql:
    """Fail while a role owns something that DROP OWNED would destroy."""
    return _fails_if(
        "the role owns something again",
        "pg_shdepend d where d.deptype = 'o' and d.refclassid = 'pg_authid'::regclass "  # noqa: S608 - the name is quoted
        f"and d.refobjid = (select r.oid from pg_roles r where r.rolname = {literal(role)}) "
        "and d.dbid in (0, (select b.oid from pg_database b where b.datname = current_database()))"
        " and d.classid not in ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)",
    )


def no_sessions(role: str) -> Sql:
    """Fail while somebody is in as a role."""
    return _fails_if(
        "somebody is in again", f"pg_stat_activity d where d.usename = {literal(role)}"
    )


def _fails_if(why: str, found: str) -> Sql:
    """Fail with words in the error if there is a row; any server can do that, without plpgsql."""
    return Sql(f"SELECT max(({literal(why)} || left(d::text, 0))::int) FROM {found}")  # noqa: S608


def drop_owned(role: str) -> Sql:
    """Remove a role's own default privileges and user mappings, and its name from policies."""
    return Sql(f"DROP OWNED BY {identifier(role)}")


def _on_objects(privileges: Iterable[Privilege], head: str, tail: str) -> tuple[Sql, ...]:
    """Return statements: one for the objects on which a grantee has the same privileges."""
    words: dict[tuple[str, str, str], set[str]] = {}
    for each in privileges:
        object_key = (each.grantee, _WORDS[each.kind], _object(each))
        word = each.privilege
        if each.kind == "column":
            word += f" ({identifier(each.args)})"
        words.setdefault(object_key, set()).add(word)
    groups: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (grantee, kind, name), found in words.items():
        groups.setdefault((grantee, kind, tuple(sorted(found))), []).append(name)
    return tuple(
        Sql(
            head.format(", ".join(found), kind),
            tuple(piece),
            tail.format(identifier(grantee)),
        )
        for (grantee, kind, found), names in sorted(groups.items())
        for piece in _pieces(sorted(names))
    )


def _object(of: Privilege) -> str:
    """Return an object as GRANT names it."""
    match of.kind:
        case "database":
            return identifier(of.database)
        case "function":
            return f"{qualified(of.schema, of.name)}({of.args})"
        case "large object":
            return str(int(of.name))
        case "parameter":
            return _parameter(of.name)
    return qualified(of.schema, of.name) if of.schema else identifier(of.name)


def _parameter(name: str) -> str:
    """Return a setting's name, of which each part is one of its own."""
    return ".".join(identifier(each) for each in name.split("."))


def _pieces(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + MOST_ITEMS] for start in range(0, len(names), MOST_ITEMS))
