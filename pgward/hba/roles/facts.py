"""The roles of a server as it tells them, one JSON object a row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pgward.core.errors import PgwardError

_MARK = "managed by pgward: "

# Who gets at the server's files or programs becomes a superuser by them (manual, chapter 21.5);
# and before 16, CREATEROLE was enough to become a member of those who do.
QUERY = """
select json_build_object(
  'name', r.rolname, 'super', r.rolsuper, 'login', r.rolcanlogin, 'limit', r.rolconnlimit,
  'more', r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
          or not r.rolinherit,
  'reaches', exists (select from pg_catalog.pg_roles s
                      where (s.rolsuper or s.rolname in ('pg_read_server_files',
                             'pg_write_server_files', 'pg_execute_server_program')
                        or s.rolcreaterole
                           and pg_catalog.current_setting('server_version_num')::int < 160000)
                      and pg_catalog.pg_has_role(r.oid, s.oid, 'member')),
  'members', array(select g.rolname from pg_catalog.pg_auth_members m
                     join pg_catalog.pg_roles g on g.oid = m.roleid where m.member = r.oid),
  'owns', exists (select from pg_catalog.pg_shdepend d
                   where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                     and d.refobjid = r.oid),
  'comment', pg_catalog.shobj_description(r.oid, 'pg_authid'))
from pg_catalog.pg_roles r
union all
select json_build_object('recovery', pg_catalog.pg_is_in_recovery());
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """The comment on a role that pgward made: for whom, by which map, member of what by us."""

    person: str
    map: str
    member_of: tuple[str, ...] = ()

    @classmethod
    def read(cls, comment: object) -> Self | None:
        """Return the mark in a comment, if it is one."""
        if not isinstance(comment, str) or not comment.startswith(_MARK):
            return None
        try:
            fields = json.loads(comment.removeprefix(_MARK))
            return cls(
                str(fields["person"]), str(fields["map"]), tuple(map(str, fields["memberOf"]))
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def text(self) -> str:
        """Return it as a comment."""
        fields = {"person": self.person, "map": self.map, "memberOf": list(self.member_of)}
        return _MARK + json.dumps(fields)


@dataclass(frozen=True, slots=True)
class Role:
    """One role; ``reaches_superuser`` also by what it is a member of."""

    name: str
    superuser: bool = False
    reaches_superuser: bool = False
    login: bool = True
    limit: int = -1
    extras: bool = False
    member_of: frozenset[str] = frozenset()
    owns: bool = False
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All roles by name; ``writable`` is false on a standby."""

    roles: Mapping[str, Role] = field(default_factory=dict)
    writable: bool = True

    @classmethod
    def read(cls, rows: Iterable[str]) -> Self:
        """Read what QUERY returns; raise PgwardError for what it cannot have returned."""
        roles: dict[str, Role] = {}
        writable = True
        try:
            for row in rows:
                fields = json.loads(row)
                if "recovery" in fields:
                    writable = not fields["recovery"]
                else:
                    role = _role(fields)
                    roles[role.name] = role
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise PgwardError(
                "the server's answer about its roles cannot be read",
                hint="nothing was changed; look whether `psql -X` prints more than rows there",
            ) from error
        return cls(roles, writable)


def _role(fields: Mapping[str, Any]) -> Role:
    return Role(
        name=fields["name"],
        superuser=fields["super"],
        reaches_superuser=fields["reaches"],
        login=fields["login"],
        limit=fields["limit"],
        extras=fields["more"],
        member_of=frozenset(fields["members"]),
        owns=fields["owns"],
        mark=Mark.read(fields["comment"]),
    )
