"""Roles for the moment of a proof, and what an earlier run left of them.

Such a role has no rights, a random password that is stored as SCRAM keeps it, an end, and a
comment that marks it. While its run lives, that holds a lock on its name; a second session waits
for that lock from before the role is made, and then removes it. So the server itself takes the
roles away when the run is killed, or its connection dies. Only what stops the server in the same
moment leaves them, and for that there is ``sweep``.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pgward.core.clock import rfc3339
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.core.names import PROOF_PREFIX
from pgward.hba.prove.admin import Admin, SqlError
from pgward.hba.server.quoting import identifier, literal
from pgward.pgwire import scram

MARK = "made by pgward hba prove, which removes it"
_FUSE = timedelta(minutes=15)
_RANDOM = 8
_NAME = re.compile(rf"{PROOF_PREFIX}[0-9a-f]{{8,32}}")
_UNDISTURBED = (
    "set statement_timeout = 0; set lock_timeout = 0; set log_lock_waits = off; "
    "set client_min_messages = error"
)
_MOST_CONNECTIONS = 10  # a backend may still be ending when the next one begins
_COMMENTS = (
    "select rolname, pg_catalog.shobj_description(oid, 'pg_authid') from pg_catalog.pg_roles "
    "where rolname like 'pgward%'"
)
_KNOWN = (
    "select r.rolname, r.rolsuper, r.rolcanlogin, g.rolname from pg_catalog.pg_roles r "
    "left join pg_catalog.pg_auth_members m on m.member = r.oid "
    "left join pg_catalog.pg_roles g on g.oid = m.roleid order by r.rolname"
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role that was made, and its password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """The roles that a server has: of which each is a member, and who is a superuser or logs in."""

    member_of: Mapping[str, frozenset[str]]
    superusers: frozenset[str]
    logins: frozenset[str]


def new_name() -> str:
    """Return the name of a role that was never there."""
    return f"{PROOF_PREFIX}{secrets.token_hex(_RANDOM)}"


def known(admin: Admin) -> Known:
    """Return the roles of a server."""
    groups: dict[str, set[str]] = {}
    superusers, logins = set(), set()
    for name, superuser, login, group in admin.query(_KNOWN):
        role = name or ""
        groups.setdefault(role, set()).update([group] if group else [])
        superusers.update([role] if superuser == "t" else [])
        logins.update([role] if login == "t" else [])
    frozen = {role: frozenset(each) for role, each in groups.items()}
    return Known(frozen, frozenset(superusers), frozenset(logins))


def claim(admin: Admin, names: Iterable[str]) -> None:
    """Lock names for as long as this session lives; raise PgwardError."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"{name!r} is no name for the role of a proof")
        if not _lock(admin, name):
            raise PgwardError("another run has a role of that name")


def remove_later(second: Admin, names: Sequence[str]) -> None:
    """Have a second session remove the roles when the first, which claimed them, has ended.

    It goes on whatever becomes of us, as long as it says nothing before its end: a notice that
    reaches nobody would end it.
    """
    second.query(_UNDISTURBED)
    waits = [f"select pg_catalog.pg_advisory_lock({_key(name)}); " for name in names]
    drops = [f"drop role if exists {identifier(name)}; " for name in names]
    second.begin("".join([*waits, *drops]))


def make(admin: Admin, name: str, now: datetime, groups: Iterable[str] = ()) -> Role:
    """Make a role of a claimed name that may log in and nothing else; raise PgwardError."""
    password = secrets.token_urlsafe(24)
    kept = scram.stored(password, secrets.token_bytes(16))
    role = identifier(name)
    # One query is one transaction (manual, chapter 53.2.2.1).
    admin.query(
        f"create role {role} login nosuperuser nocreatedb nocreaterole noreplication "
        f"connection limit {_MOST_CONNECTIONS} password {literal(kept)} "
        f"valid until {literal(rfc3339(now + _FUSE))}; "
        f"comment on role {role} is {literal(MARK)}; "
        + "".join(f"grant {identifier(group)} to {role}; " for group in groups)
    )
    return Role(name, password)


def drop(admin: Admin, names: Iterable[str]) -> None:
    """Remove roles; it does not matter when one is not there.

    Raises the first SqlError, with all done that could be.
    """
    failed: SqlError | None = None
    for name in names:
        try:
            admin.query(f"drop role if exists {identifier(name)}")
        except SqlError as error:
            failed = failed or error
        admin.query(f"select pg_catalog.pg_advisory_unlock({_key(name)})")
    if failed is not None:
        raise failed


def sweep(admin: Admin) -> list[str]:
    """Remove what runs that are dead left; return the names."""
    rows = admin.query(_COMMENTS)
    ours = [name for name, comment in rows if name and comment == MARK and _NAME.fullmatch(name)]
    dead = [name for name in ours if _lock(admin, name)]
    drop(admin, dead)
    return dead


def _lock(admin: Admin, name: str) -> bool:
    ((got,),) = admin.query(f"select pg_catalog.pg_try_advisory_lock({_key(name)})")
    return got == "t"


def _key(name: str) -> int:
    """Return the number of a lock, which is 64 bits with a sign."""
    digest = hashlib.sha256(f"pgward hba prove {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
