"""The questions that a server is asked about itself; ``facts`` reads the answers.

What has to do with roles of ours is found by pg_shdepend (manual, chapter 52.48), so it takes as
long as there are privileges of theirs, whatever else there is. Each row is a JSON object. The
queries run under the search_path pg_catalog alone, with parameters as psycopg writes them.
"""
# ruff: noqa: S608, ISC004 - queries put together from constants of this file, in pieces

import json
from collections.abc import Iterable
from typing import Final

from pgward.access.handing_on import OWNED
from pgward.access.marks import PREFIX
from pgward.access.rights import ANY, ObjectRights
from pgward.access.wanted import Wanted

# Who gets at the server's files or programs becomes a superuser by them (manual, chapter 21.5);
# and before 16, CREATEROLE was enough to become a member of those who do.
_ROLES: Final = """
with ours as (
  select objoid as oid from pg_shdescription
   where classoid = 'pg_authid'::regclass and starts_with(description, %(prefix)s)),
me as (select r.* from pg_roles r where r.rolname = current_user),
strong as (
  select s.oid from pg_roles s, me
   where s.rolsuper or s.oid = me.oid
      or s.rolname in ('pg_read_server_files', 'pg_write_server_files',
                       'pg_execute_server_program')
      or s.rolcreaterole and current_setting('server_version_num')::int < 160000),
named as (
  select r.*, o.oid is not null as marked from pg_roles r left join ours o on o.oid = r.oid
   where o.oid is not null or r.rolname = any(%(names)s::text[])),
sessions as (
  select usesysid as oid, count(*) as many from pg_stat_activity group by 1)
"""


def _how(reaches: str) -> str:
    """Return how a privilege can be revoked, as SQL; ``reaches`` is whether its grantor gets there.

    Which of its roles a REVOKE counts as is for PostgreSQL to choose, unless it is one by SET ROLE;
    and a role without USAGE on a schema cannot name what is in it, though it be its own.
    """
    becomes = """pg_has_role(current_user, x.grantor, case
         when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)"""
    return f"""case when pg_get_userbyid(x.grantor) = current_user then 'plain'
       when {becomes} and {reaches} then 'set'
       when pg_has_role(current_user, x.grantor, 'usage') then 'plain' else 'no' end"""


_REACHES: Final = "(o.schema = '' or pg_catalog.has_schema_privilege(x.grantor, o.schema, 'usage'))"

SERVER: Final = (
    _ROLES
    + """
select json_build_object('is', 'server', 'version', current_setting('server_version_num'),
  'user', me.rolname, 'super', me.rolsuper, 'recovery', pg_is_in_recovery()) from me
union all
select json_build_object('is', 'role', 'name', r.rolname, 'oid', r.oid::bigint,
  'super', r.rolsuper, 'login', r.rolcanlogin, 'limit', r.rolconnlimit,
  'attributes', array_remove(array[
     case when r.rolcreatedb then 'CREATEDB' end, case when r.rolcreaterole then 'CREATEROLE' end,
     case when r.rolreplication then 'REPLICATION' end,
     case when r.rolbypassrls then 'BYPASSRLS' end,
     case when not r.rolinherit then 'NOINHERIT' end], null),
  'until', case when r.rolvaliduntil is not null then
     to_char(r.rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end,
  'comment', case when r.marked then shobj_description(r.oid, 'pg_authid') end,
  'reaches', exists (select from strong s where pg_has_role(r.oid, s.oid, 'member')),
  'admin', case when current_setting('server_version_num')::int < 160000 and me.rolcreaterole
                then not r.rolsuper
                else pg_has_role(me.oid, r.oid, 'member with admin option') end,
  'usage', pg_has_role(me.oid, r.oid, 'usage'),
  'settable', pg_has_role(me.oid, r.oid, case
     when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end),
  'sessions', coalesce((select s.many from sessions s where s.oid = r.oid), 0))
from named r, me
union all
select json_build_object('is', 'member', 'role', g.rolname, 'member', u.rolname,
  'grantor', coalesce(b.rolname, ''), 'admin', m.admin_option,
  'inherit', coalesce((to_jsonb(m)->>'inherit_option')::bool, true),
  'set', coalesce((to_jsonb(m)->>'set_option')::bool, true),
  'mine', case when current_setting('server_version_num')::int < 160000 and me.rolcreaterole
               then me.rolsuper or not g.rolsuper
               when current_setting('server_version_num')::int < 160000
               then pg_has_role(me.oid, g.oid, 'member with admin option')
               else b.oid is not null and pg_has_role(me.oid, b.oid, 'usage') end)
from me, pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles u on u.oid = m.member
  left join pg_roles b on b.oid = m.grantor
where m.roleid in (select oid from ours) or m.member in (select oid from ours)
union all
select json_build_object('is', 'place', 'role', pg_get_userbyid(s.refobjid), 'database', d.datname)
from (select distinct refobjid, dbid from pg_shdepend
       where refclassid = 'pg_authid'::regclass and refobjid in (select oid from ours)) s
  join pg_database d on d.oid = s.dbid
union all
select json_build_object('is', 'database', 'name', d.datname, 'owner', pg_get_userbyid(d.datdba),
  'allows', d.datallowconn,
  'connects', has_database_privilege(me.oid, d.oid, 'connect'),
  'can', array(select p from unnest(array['CONNECT', 'CREATE', 'TEMPORARY']) p
                where has_database_privilege(me.oid, d.oid, p || ' with grant option')))
from pg_database d, me
union all
select json_build_object('is', 'held', 'kind', 'database', 'database', d.datname, 'schema', '',
  'name', '', 'args', '', 'grantee', coalesce(u.rolname, ''), 'privilege', x.privilege_type,
  'grantor', pg_get_userbyid(x.grantor), 'grantable', x.is_grantable,
  'owner', pg_get_userbyid(d.datdba),
  'how', """
    + _how("true")
    + """)
from me, pg_database d cross join aclexplode(d.datacl) x left join pg_roles u on u.oid = x.grantee
where x.grantee in (select oid from ours) and x.grantee <> d.datdba
"""
)
"""Roles that are marked or asked for by name, and what every database knows. Parameters: prefix,
names."""

_SYSTEM: Final = "left(n.nspname, 3) <> 'pg_' and n.nspname <> 'information_schema'"


def _asked(kind: str, name: str) -> str:
    schema = "a.schema = '' or n.nspname::text collate \"C\" like a.schema"
    return f"""exists (select from asked a where a.kind = '{kind}' and ({schema})
    and {name}::text collate "C" like a.name)"""


def _can(kind: str, function: str, oid: str) -> str:
    return f"""array(select distinct p from asked a
         cross join jsonb_array_elements_text(a.privileges) p
    where a.kind = '{kind}' and {function}(current_user, {oid}, p || ' with grant option'))"""


def _extension(catalog: str, oid: str) -> str:
    return f"""exists (select from pg_depend e where e.classid = '{catalog}'::regclass
    and e.objid = {oid} and e.deptype = 'e')"""


def _thing(kind: str, catalog: str, row: str, *, name: str, args: str, owner: str, has: str) -> str:
    schema = "n.nspname" if kind != "schema" else "''"
    return f"""select json_build_object('is', 'thing', 'kind', '{kind}', 'schema', {schema},
  'name', {name}, 'args', {args}, 'owner', pg_get_userbyid({owner}),
  'owner_usage', pg_has_role(current_user, {owner}, 'usage'),
  'can', {_can(kind, has, f"{row}.oid")}, 'extension', {_extension(catalog, f"{row}.oid")})"""


_RELATION: Final = {
    "table": "c.relkind in ('r', 'v', 'm', 'f', 'p')",
    "sequence": "c.relkind = 'S'",
}

_THINGS: Final = " union all ".join(
    [
        *(
            f"""{
                _thing(
                    kind,
                    "pg_class",
                    "c",
                    name="c.relname",
                    args="''",
                    owner="c.relowner",
                    has=f"has_{kind}_privilege",
                )
            }
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where {which} and {_SYSTEM} and {_asked(kind, "c.relname")}"""
            for kind, which in _RELATION.items()
        ),
        f"""{
            _thing(
                "function",
                "pg_proc",
                "f",
                name="f.proname",
                args="oidvectortypes(f.proargtypes)",
                owner="f.proowner",
                has="has_function_privilege",
            )
        }
from pg_proc f join pg_namespace n on n.oid = f.pronamespace
where {_SYSTEM} and {_asked("function", "f.proname")}""",
        f"""{
            _thing(
                "schema",
                "pg_namespace",
                "n",
                name="n.nspname",
                args="''",
                owner="n.nspowner",
                has="has_schema_privilege",
            )
        }
from pg_namespace n
where {_SYSTEM} and {_asked("schema", "n.nspname")}""",
    ]
)

# kind, catalog, what the row is called, columns: schema, name, args, owner, acl; joins; condition
_ACLS: Final = (
    (
        "case when c.relkind = 'S' then 'sequence' else 'table' end",
        "pg_class",
        "join pg_class c on c.oid = d.objid and d.objsubid = 0 "
        "join pg_namespace n on n.oid = c.relnamespace",
        ("n.nspname", "c.relname", "''", "c.relowner", "c.relacl"),
    ),
    (
        "'column'",
        "pg_class",
        "join pg_class c on c.oid = d.objid join pg_namespace n on n.oid = c.relnamespace "
        "join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid",
        ("n.nspname", "c.relname", "a.attname", "c.relowner", "a.attacl"),
    ),
    (
        "'schema'",
        "pg_namespace",
        "join pg_namespace n on n.oid = d.objid",
        ("''", "n.nspname", "''", "n.nspowner", "n.nspacl"),
    ),
    (
        "'function'",
        "pg_proc",
        "join pg_proc f on f.oid = d.objid join pg_namespace n on n.oid = f.pronamespace",
        ("n.nspname", "f.proname", "oidvectortypes(f.proargtypes)", "f.proowner", "f.proacl"),
    ),
    (
        "'type'",
        "pg_type",
        "join pg_type t on t.oid = d.objid join pg_namespace n on n.oid = t.typnamespace",
        ("n.nspname", "t.typname", "''", "t.typowner", "t.typacl"),
    ),
    (
        "'language'",
        "pg_language",
        "join pg_language l on l.oid = d.objid",
        ("''", "l.lanname", "''", "l.lanowner", "l.lanacl"),
    ),
    (
        "'foreign data wrapper'",
        "pg_foreign_data_wrapper",
        "join pg_foreign_data_wrapper w on w.oid = d.objid",
        ("''", "w.fdwname", "''", "w.fdwowner", "w.fdwacl"),
    ),
    (
        "'foreign server'",
        "pg_foreign_server",
        "join pg_foreign_server w on w.oid = d.objid",
        ("''", "w.srvname", "''", "w.srvowner", "w.srvacl"),
    ),
    (
        "'large object'",
        "pg_largeobject",
        "join pg_largeobject_metadata w on w.oid = d.objid",
        ("''", "w.oid::text", "''", "w.lomowner", "w.lomacl"),
    ),
    (
        "'tablespace'",
        "pg_tablespace",
        "join pg_tablespace w on w.oid = d.objid",
        ("''", "w.spcname", "''", "w.spcowner", "w.spcacl"),
    ),
)
_PARAMETERS: Final = (
    "'parameter'",
    "pg_parameter_acl",
    "join pg_parameter_acl w on w.oid = d.objid",
    ("''", "w.parname", "''", "10::oid", "w.paracl"),
)
_FIRST_PARAMETERS: Final = 15


def _held(kind: str, catalog: str, joins: str, columns: tuple[str, str, str, str, str]) -> str:
    schema, name, args, owner, acl = columns
    return f"""select json_build_object('is', 'held', 'kind', o.kind, 'schema', o.schema,
  'name', o.name, 'args', o.args, 'grantee', coalesce(u.rolname, ''),
  'privilege', x.privilege_type, 'grantor', pg_get_userbyid(x.grantor),
  'grantable', x.is_grantable, 'owner', pg_get_userbyid(o.owner), 'how', {_how(_REACHES)})
from (select {kind} as kind, {schema}::text as schema, {name}::text as name, {args}::text as args,
             {owner} as owner, {acl} as acl
        from dependent d {joins} where d.classid = '{catalog}'::regclass and d.deptype = 'a') o
  cross join aclexplode(o.acl) x left join pg_roles u on u.oid = x.grantee
where x.grantee in (select oid from ours) and x.grantee <> o.owner"""


_DEFAULTS: Final = """
select json_build_object('is', 'default', 'owner', pg_get_userbyid(a.defaclrole),
  'schema', coalesce(n.nspname, ''), 'objects', case a.defaclobjtype when 'r' then 'TABLES'
     when 'S' then 'SEQUENCES' when 'f' then 'FUNCTIONS' when 'T' then 'TYPES'
     when 'n' then 'SCHEMAS' else 'LARGE OBJECTS' end,
  'grantee', u.rolname, 'privilege', x.privilege_type,
  'mine', pg_has_role(current_user, a.defaclrole, 'usage'))
from pg_default_acl a cross join aclexplode(a.defaclacl) x join ours u on u.oid = x.grantee
  left join pg_namespace n on n.oid = a.defaclnamespace
where a.oid in (select objid from dependent where classid = 'pg_default_acl'::regclass)
  and a.defaclrole not in (select oid from ours)"""


def database_query(version: int) -> str:
    """Return the question to a database; parameters: oids (of roles of ours), asked (``asked``)."""
    acls = (*_ACLS, _PARAMETERS) if version >= _FIRST_PARAMETERS else _ACLS
    held = " union all ".join(_held(*each) for each in acls)
    return f"""
with ours as (
  select oid, rolname from pg_roles where oid = any(%(oids)s::oid[])),
dependent as (
  select classid, objid, objsubid, deptype from pg_shdepend
   where refclassid = 'pg_authid'::regclass and refobjid = any(%(oids)s::oid[]) and deptype = 'a'
     and dbid in (0, (select oid from pg_database where datname = current_database()))
   group by 1, 2, 3, 4),
asked as (
  select * from jsonb_to_recordset(%(asked)s::jsonb)
       as a(kind text, schema text, name text, privileges jsonb))
{_THINGS} union all {held} union all {_DEFAULTS} union all {OWNED}
"""


def server_parameters(names: Iterable[str]) -> dict[str, object]:
    """Return the parameters of SERVER."""
    return {"prefix": PREFIX, "names": sorted(set(names))}


def database_parameters(oids: Iterable[int], rights: Iterable[ObjectRights]) -> dict[str, object]:
    """Return the parameters of ``database_query``; the rights are those on this database."""
    asked: list[dict[str, object]] = []
    for each in sorted(rights):
        if each.kind == "database":
            continue
        asked.append(
            {
                "kind": each.kind,
                "schema": _like(each.schema),
                "name": _like(each.name),
                "privileges": list(each.privileges),
            }
        )
        if each.future and each.schema:
            asked.append(
                {"kind": "schema", "schema": "", "name": _like(each.schema), "privileges": []}
            )
    return {"oids": sorted(oids), "asked": json.dumps(asked)}


def rights_of(wanted: Wanted, version: int) -> dict[str, set[ObjectRights]]:
    """Return all the rights on objects by database, as this version knows privileges."""
    found: dict[str, set[ObjectRights]] = {}
    for rights in (*(each.rights for each in wanted.grants), *wanted.bundles.values()):
        for each in rights.objects:
            known = tuple(p for p in each.privileges if knows(p, version))
            if known:
                kept = ObjectRights(
                    each.database, each.kind, each.schema, each.name, known, each.future
                )
                found.setdefault(each.database, set()).add(kept)
    return found


def knows(privilege: str, version: int) -> bool:
    """Tell whether a version has such a privilege."""
    return privilege != "MAINTAIN" or version >= 17  # noqa: PLR2004 - its first


def _like(pattern: str) -> str:
    r"""Return a pattern as LIKE has it: ``*`` is ``%``, the rest is itself."""
    plain = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return plain.replace(ANY, "%")
